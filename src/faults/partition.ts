import { z } from "zod";
import { directionOption, fromOption, linkFault, onlyFrom } from "./link-fault.ts";

const options = z.strictObject({ direction: directionOption("both"), from: fromOption });

/** Nothing passes, and nobody is told: what lost packets look like to both sides. */
export const partition = linkFault<z.output<typeof options>>({
  name: "partition",
  details:
    "Bytes vanish and connections stay open, those made before included; new ones get no answer. One direction alone loses requests, or answers to requests that were carried out. " +
    "With --from only clients of one address are cut off (RAGCTL_LOCAL_ADDRESS gives a client of ragctl one of its own).",
  examples: [
    ["ragctl chaos partition n2 --for 30s", "n2 is unreachable, and says nothing"],
    ["ragctl chaos partition --zone b --direction from-node --for 10s", "zone b hears, and is not heard"],
    ["ragctl chaos partition n1 --from 127.0.0.2 --for 30s", "one of two clients sees another cluster"],
  ],
  targets: ["proxy", "toxiproxy", "ssh"],
  options,
  impact: ({ from }) => (from === undefined ? "silences" : "weakens"),
  impairment: ({ direction, from }) => ({ kind: "partition", direction, ...onlyFrom(from) }),
});
