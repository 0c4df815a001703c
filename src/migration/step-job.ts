import type { Plan } from "../sharding/plan/contract.ts";
import type { CopyJob, GroupJob } from "./copy-job.ts";
import { isOfStep, newMoveId } from "./plan-state.ts";
import { selectorOf } from "./positions.ts";

/** The tracked copy of a step whose moves are the group's: it concerns all positions, replaces nobody, and leaves nothing of its own. */
export function stepJob({ planId }: Pick<Plan, "planId">, id: string, group: GroupJob): CopyJob {
  return {
    name: id,
    to: "",
    replaces: null,
    repair: false,
    leaves: () => false,
    selector: ({ placement }) => selectorOf([[0, placement.space]], placement.coordinate),
    owns: (move) => isOfStep(move, planId, id),
    newId: (table) => newMoveId(planId, id, table),
    group,
  };
}
