import { z } from "zod";
import { fraction } from "../config/schema.ts";
import { directionOption, fromOption, linkFault, onlyFrom } from "./link-fault.ts";

const options = z.strictObject({
  loss: fraction.describe("share that is lost, for example 5%"),
  direction: directionOption("both"),
  from: fromOption,
});

/** Packets lost: on a stream, pieces that come as late as their retransmission. */
export const loss = linkFault<z.output<typeof options>>({
  name: "loss",
  details:
    "A proxy carries bytes and not packets, so it does to a connection what loss does: with this probability a piece waits for a retransmission (200 ms, doubling while that is lost too), and all behind it waits as well. Over ssh, packets are dropped.",
  examples: [["ragctl chaos loss n2 --loss 5% --for 30s", "one piece in twenty comes at least 200 ms late"]],
  targets: ["proxy", "ssh"],
  options,
  impact: "weakens",
  impairment: ({ loss, direction, from }) => ({ kind: "loss", direction, lossRatio: loss, ...onlyFrom(from) }),
});
