import type { PlanDraft } from "../sharding/plan/build.ts";
import { formatPercent, plural } from "../units.ts";
import type { PlanInputs } from "./inputs.ts";

/** What a person should know of a routed plan beside its figures: what is at risk, what was left out, what is assumed. */
export function planNotes({ plan, part, balancing, wanted }: PlanDraft, inputs: PlanInputs): string[] {
  const notes: string[] = [];
  const copies = plan.steps.filter((step) => step.kind === "copy" && step.from !== step.to);
  const alone = copies.filter((step) => step.kind === "copy" && step.copiesDuring === 1);
  if (alone.length > 0) {
    const points = alone.reduce((sum, step) => sum + (step.kind === "copy" ? step.points : 0), 0);
    notes.push(
      `at risk: while ${alone.length} of ${copies.length} moves run, ${plural(points, "point")} ${points === 1 ? "has" : "have"} one copy that serves; losing its node then loses them`,
    );
  }
  const ofCells = wanted.partitioner.kind === "semantic";
  if (balancing && !balancing.reached)
    notes.push(
      ofCells
        ? `--balance: whole cells cannot be laid out with every node within ${inputs.limit} × the mean and its capacity; ragctl rebalance plan --split parts the largest`
        : `--balance: ${balancing.iterations} rounds of weights did not bring every node within ${inputs.limit} × the mean and its capacity; this is the best of them`,
    );
  if (part === 0) notes.push("nothing fits into --max-moves and --max-bytes: the smallest step is larger");
  else if (part < 1 && ofCells)
    notes.push(
      `the limits end it after ${formatPercent(part)} of the cells that change nodes, in a layout that is valid as it is; the rest by planning again`,
    );
  else if (part < 1) {
    const weights = wanted.members.filter((id) => !sameWeight(plan, id, wanted.nodes[id]!.weight));
    const gone = plan.fingerprint.members.filter(({ id }) => !wanted.members.includes(id)).map(({ id }) => id);
    const rest = [
      ...weights.map((id) => `--weight ${id}=${wanted.nodes[id]!.weight}`),
      ...gone.map((id) => `--remove ${id}`),
    ].join(" ");
    notes.push(
      `the limits end it after ${formatPercent(part)} of the way, in a layout of smaller weights that is valid as it is; the rest later: ragctl shard plan ${rest}`,
    );
  }
  if (inputs.loadBound !== undefined && inputs.loadBound !== null)
    notes.push(
      plan.offline
        ? "a bounded load is a part of the placement: ragctl routes by it offline and live; usual Python rings do not know it"
        : "a bounded load becomes a part of the table: ragctl's clients route by it; other routers of this ring would not",
    );
  if (!plan.offline && copies.length > 0) notes.push("writers that bypass ragctl's client must be quiet while it is applied");
  return notes;
}

function sameWeight(plan: PlanDraft["plan"], id: string, weight: number): boolean {
  const settle = plan.steps.find((step) => step.kind === "settle");
  return settle?.layout.nodes[id]?.weight === weight;
}
