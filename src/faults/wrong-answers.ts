import { z } from "zod";
import { fraction } from "../config/schema.ts";
import { fromOption, linkFault, onlyFrom } from "./link-fault.ts";

const options = z.strictObject({
  drop: fraction.prefault("50%").describe("share of hits left out of answers"),
  wrongIds: fraction.prefault("0%").describe("share of the other hits that get another id"),
  from: fromOption,
});

/** Wrong at full speed: what no error rate and no latency tells, and recall does. */
export const wrongAnswers = linkFault<z.output<typeof options>>({
  name: "wrong-answers",
  details:
    "Answers of searches lose hits, or have other ids, at full speed and as valid HTTP: to test that a recall alarm works. Exact searches stay right, so that there is something to judge by, as with an index that is broken.",
  examples: [
    ["ragctl chaos wrong-answers n2 --for 30s", "every second hit of n2 is missing"],
    ["ragctl chaos wrong-answers n1 n2 n3 --drop 0% --wrong-ids 100% --max-blast 3 --for 30s", "as many hits, all wrong"],
  ],
  targets: ["proxy"],
  options,
  impact: "weakens",
  impairment: ({ drop, wrongIds, from }) => ({
    kind: "wrong-answers",
    direction: "from-node",
    dropRatio: drop,
    wrongIdRatio: wrongIds,
    ...onlyFrom(from),
  }),
});
