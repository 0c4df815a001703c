import type { Plan, SpillCopyStep } from "../sharding/plan/contract.ts";
import { cutOverSpill, spillTargets } from "../sharding/spill.ts";
import type { AnnouncedMove } from "../sharding/transitions.ts";
import type { CopyJob, GroupJob } from "./copy-job.ts";
import { replaceable } from "./freight.ts";
import { GroupFreight, type GroupPart } from "./group-freight.ts";
import { selectorOf } from "./positions.ts";
import { regionSources } from "./sources.ts";
import { stepJob } from "./step-job.ts";

/** The tracked copy that makes all copies near boundaries: of points whose second cell a node owns, and their own one not. */
export function spillJob(plan: Pick<Plan, "planId">, { id }: SpillCopyStep): CopyJob {
  return stepJob(plan, id, groupOf(id));
}

function groupOf(name: string): GroupJob {
  return {
    isDone: ({ table }) => table.spill?.phase === "on",
    targets: (routing) => spillTargets(routing).map(({ to }) => to),
    announcement(routing, { log, usable }) {
      const moves: AnnouncedMove[] = [];
      const parts: GroupPart[] = [];
      for (const [index, { to, old, into }] of spillTargets(routing).entries()) {
        const readable = (id: string) => id !== to && usable(id);
        const { sources, missingShare } = regionSources(routing, { old, into }, { moved: false, usable: readable });
        if (missingShare > 0) return { refused: "some of its points have no serving owner to read them from" };
        const selector = selectorOf(old, "cell");
        const second = selectorOf(into, "cell");
        parts.push({ to, selector, into: second, sources, onlyIf: replaceable({ selector, into: second }, routing) });
        moves.push({ id: `${log}-${index + 1}`, log, from: sources[0]!.from, to, selector, into: second, replaces: null });
      }
      return { moves, freight: (means) => new GroupFreight(name, parts, means.log, means) };
    },
    cutOver: cutOverSpill,
    // Nobody has lost what it owned.
    leftovers: () => [],
  };
}
