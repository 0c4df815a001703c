import { switchBeside } from "../../sharding/beside.ts";
import type { BuildStep, Plan } from "../../sharding/plan/contract.ts";
import type { AnnouncedMove } from "../../sharding/transitions.ts";
import type { DataFace } from "../../stores/contract.ts";
import type { CopyJob, GroupJob } from "../copy-job.ts";
import { selectorOf } from "../positions.ts";
import { chooseSources } from "../sources.ts";
import { stepJob } from "../step-job.ts";
import { TableAccess } from "../table.ts";
import { BesideFreight } from "./freight.ts";
import { BesideIo } from "./io.ts";
import { newLayout } from "./layout.ts";

/**
 * The tracked copy of a whole collection into another one on the same nodes, placed by another partitioner. Its one move copies to nobody as the
 * table sees it: it is there so that writers log what they touch, and hold their writes in the pause. The cut-over is the switch.
 */
export function buildJob(plan: Pick<Plan, "planId">, step: BuildStep, face: DataFace): CopyJob {
  return stepJob(plan, step.id, buildGroup(plan, step, face));
}

function buildGroup({ planId }: Pick<Plan, "planId">, { id: name, partitioner }: BuildStep, face: DataFace): GroupJob {
  return {
    isDone: ({ table: { beside } }) => beside?.planId === planId && beside.state === "left",
    targets: ({ table }) => [...table.members],
    announcement(routing, { log, usable }) {
      const { table, placement } = routing;
      const whole: [number, number][] = [[0, placement.space]];
      const { sources, missingShare } = chooseSources(routing, whole, "", undefined, usable);
      if (missingShare > 0) return { refused: "some of its points have no serving owner to read them from" };
      const anybody = table.members[0]!;
      const selector = selectorOf(whole, placement.coordinate);
      const moves: AnnouncedMove[] = [{ id: log, from: anybody, to: anybody, selector, replaces: null }];
      const layout = newLayout(table, partitioner);
      return {
        moves,
        freight({ log: touched, io, deps }) {
          const access = new TableAccess(deps.state, deps.collection);
          const beside = new BesideIo(deps, access, { face, fields: layout.fields });
          return new BesideFreight({ name, log: touched, sources, layout, io, beside, deps });
        },
      };
    },
    cutOver: (table, pauses) => switchBeside(table, { planId, partitioner, pauses }),
    leftovers: () => [],
  };
}
