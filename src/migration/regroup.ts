import type { Plan, RegroupStep } from "../sharding/plan/contract.ts";
import { cutOverGroup, groupTargets } from "../sharding/partitioner-change.ts";
import { selectorRanges } from "../sharding/moves.ts";
import type { Routing } from "../sharding/owners.ts";
import { intersectRanges, subtractRanges, type Range } from "../sharding/ranges.ts";
import type { Selector } from "../sharding/table.ts";
import type { AnnouncedMove } from "../sharding/transitions.ts";
import type { CopyJob, GroupJob } from "./copy-job.ts";
import { replaceable } from "./freight.ts";
import { GroupFreight, type GroupPart } from "./group-freight.ts";
import { selectorOf } from "./positions.ts";
import { regionSources } from "./sources.ts";
import { stepJob } from "./step-job.ts";

/** The tracked copy that brings a group of new positions to where the new partitioner has them, or back. */
export function regroupJob(plan: Pick<Plan, "planId">, { id, into, back = false }: RegroupStep): CopyJob {
  return stepJob(plan, id, groupJob(id, into, back));
}

function groupJob(name: string, into: Selector, back: boolean): GroupJob {
  return {
    isDone({ table }) {
      const { moved = [] } = table.transition ?? {};
      return (back ? intersectRanges(selectorRanges(into), moved) : subtractRanges(selectorRanges(into), moved)).length === 0;
    },
    targets: (routing) => groupTargets(routing, into, back).map(({ to }) => to),
    announcement(routing, { log, usable }) {
      const { placement, next } = routing;
      const moves: AnnouncedMove[] = [];
      const parts: GroupPart[] = [];
      for (const [index, { to, ...region }] of groupTargets(routing, into, back).entries()) {
        const readable = (id: string) => id !== to && usable(id);
        const { sources, missingShare } = regionSources(routing, region, { moved: back, usable: readable });
        if (missingShare > 0) return { refused: "some of its points have no serving owner to read them from" };
        const selector = selectorOf(region.old, placement.coordinate);
        const group = selectorOf(region.into, next!.coordinate);
        parts.push({ to, selector, into: group, sources, onlyIf: replaceable({ selector, into: group }, routing) });
        moves.push({ id: `${log}-${index + 1}`, log, from: sources[0]!.from, to, selector, into: group, replaces: null });
      }
      return { moves, freight: (means) => new GroupFreight(name, parts, means.log, means) };
    },
    cutOver: (table, pauses) => cutOverGroup(table, { into, back, pauses }),
    leftovers: (routing) => leftoversOf(routing, into, back),
  };
}

/** New positions of the group, by node, of which it may hold what it does not own (any more). */
function leftoversOf({ table, next, placement, nodeIds }: Routing, into: Selector, back: boolean) {
  const group = selectorRanges(into);
  const selector = selectorOf([[0, placement.space]], placement.coordinate);
  return nodeIds.flatMap((node) => {
    const owned: Range[] = back
      ? []
      : next!.segments().flatMap(({ lo, hi, owners }) => (owners.includes(node) ? intersectRanges([[lo, hi]], group) : []));
    const left = subtractRanges(group, owned);
    return left.length === 0 || !table.transition ? [] : [{ node, selector, into: selectorOf(left, next!.coordinate) }];
  });
}
