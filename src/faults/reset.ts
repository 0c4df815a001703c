import { z } from "zod";
import { fraction, sizeBytes } from "../config/schema.ts";
import { directionOption, fromOption, linkFault, onlyFrom } from "./link-fault.ts";

const options = z.strictObject({
  after: sizeBytes.optional().describe("cut after so many bytes of an answer; half-way through its first piece unless given"),
  probability: fraction.prefault("100%").describe("share of answers that are cut"),
  direction: directionOption("from-node"),
  from: fromOption,
});

/** Connections cut in mid-answer, by RST. */
export const reset = linkFault<z.output<typeof options>>({
  name: "reset",
  details: "The beginning of an answer arrives, then the connection is reset. With --direction to-node requests are cut instead.",
  examples: [
    ["ragctl chaos reset n2 --for 30s", "no answer of n2 arrives whole"],
    ["ragctl chaos reset n2 --probability 10% --after 1KiB --for 30s", "one long answer in ten breaks off"],
  ],
  targets: ["proxy", "toxiproxy", "ssh"],
  options,
  impact: ({ probability, from }) => (probability === 1 && from === undefined ? "silences" : "weakens"),
  impairment: ({ after, probability, direction, from }) => ({
    kind: "reset",
    direction,
    ratio: probability,
    ...(after === undefined ? {} : { afterBytes: after }),
    ...onlyFrom(from),
  }),
});
