import { z } from "zod";
import { durationMs } from "../config/schema.ts";
import { directionOption, fromOption, linkFault, onlyFrom } from "./link-fault.ts";

const options = z.strictObject({
  delay: durationMs.describe("added on average, for example 300ms"),
  jitter: durationMs.prefault("0ms").describe("uniform: at most so much more or less; else the standard deviation"),
  distribution: z.enum(["uniform", "normal", "pareto"]).default("uniform").describe("of the jitter; pareto has a long tail"),
  direction: directionOption("from-node"),
  from: fromOption,
});

/** Every answer later. The order of bytes stays. */
export const latency = linkFault<z.output<typeof options>>({
  name: "latency",
  details: "Added once to each round trip; with --direction both, to each way. Opening a connection takes no longer.",
  examples: [
    ["ragctl chaos latency n2 --delay 300ms --jitter 50ms --for 30s", "n2 answers 250 to 350 ms later"],
    ["ragctl chaos latency n2 --delay 50ms --jitter 50ms --distribution pareto --for 1m", "mostly little, sometimes much"],
  ],
  targets: ["proxy", "toxiproxy", "ssh"],
  options,
  impact: "weakens",
  impairment: ({ delay, jitter, distribution, direction, from }) => ({
    kind: "latency",
    direction,
    delayMs: delay,
    jitterMs: jitter,
    distribution,
    ...onlyFrom(from),
  }),
});
