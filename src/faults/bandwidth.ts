import { z } from "zod";
import { bytesPerSec } from "../config/schema.ts";
import { directionOption, fromOption, linkFault, onlyFrom } from "./link-fault.ts";

const options = z.strictObject({
  rate: bytesPerSec.describe("of all connections together, each way, for example 1MiB/s").meta({ placeholder: "rate" }),
  direction: directionOption("both"),
  from: fromOption,
});

/** A slow line. */
export const bandwidth = linkFault<z.output<typeof options>>({
  name: "bandwidth",
  details: "What is too much for the line waits its turn, and senders are held back once too much waits.",
  examples: [["ragctl chaos bandwidth n2 --rate 1MiB/s --for 30s", "n2 behind a line of 8 Mbit/s"]],
  targets: ["proxy", "toxiproxy", "ssh"],
  options,
  impact: "weakens",
  impairment: ({ rate, direction, from }) => ({ kind: "bandwidth", direction, bytesPerSec: rate, ...onlyFrom(from) }),
});
