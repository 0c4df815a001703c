import { ExitCode, RagctlError } from "../../errors.ts";
import type { Plan, ShardStep } from "../plan/contract.ts";
import type { NativePlan, ObservedNative } from "./contract.ts";
import { nativeFingerprint } from "./fingerprint.ts";
import { nativeBalance } from "./loads.ts";
import { priceOf } from "./price.ts";
import { holdersOf, shardSteps } from "./steps.ts";
import { shardStepsOf, staleShards } from "./stale.ts";

/**
 * The plan that brings every shard that a plan touched back to where it was, from wherever the plan has got to: done, half
 * done, or not begun (and then it has no steps). What a node that is gone held cannot be brought back there: that is a note.
 * @throws RagctlError exit 7, code `plan-stale`, where shards have been moved since by somebody else
 */
export function reversedNative(plan: Plan, observed: ObservedNative): NativePlan {
  const { partitioner } = plan.fingerprint;
  if (partitioner.kind !== "native") throw new TypeError("a routed plan has no shards to bring back");
  const nodes = new Map(observed.nodes.map((node) => [node.id, node]));
  const now = new Map(observed.shards.map((shard) => [shard.id, holdersOf(shard, observed.transfers)]));
  const elsewhere = staleShards(plan, now).filter((id) => shardStepsOf(plan, id).length > 0);
  if (elsewhere.length > 0)
    throw new RagctlError(`shards ${elsewhere.join(", ")} are neither where the plan found them nor where it brought them`, {
      code: "plan-stale",
      exitCode: ExitCode.refused,
      hint: "Somebody else moved them since: plan anew with ragctl shard plan.",
    });
  const notes = [...observed.notes];
  const after = new Map(now);
  const drafts: Omit<ShardStep, "id">[] = [];
  const back = [...partitioner.shards].filter(({ id }) => shardStepsOf(plan, id).length > 0).reverse();
  for (const { id, on } of back) {
    const shard = observed.shards.find((each) => each.id === id);
    if (!shard) continue;
    const from = now.get(id)!;
    // A copy can come back to a node that answers, and stay on any.
    const to = on.filter((node) => from.includes(node) || nodes.get(node)?.alive === true);
    const lost = on.filter((node) => !to.includes(node));
    if (lost.length > 0) notes.push(`shard ${id} cannot go back to ${lost.join(", ")}, which does not answer`);
    // Never fewer copies for it than the fewer of now and then.
    const stay = from.filter((node) => !to.includes(node)).slice(0, Math.max(0, Math.min(from.length, on.length) - to.length));
    const target = [...to, ...stay];
    const steps = shardSteps({ shard, from, to: target, heal: [] }, nodes);
    if (!steps) {
      notes.push(`shard ${id} has no active replica on a node that answers: it stays where it is`);
      continue;
    }
    if (steps.length > 0) after.set(id, target);
    drafts.push(...steps);
  }
  const steps = drafts.map((step, index): ShardStep => Object.assign({ id: `s${index + 1}` }, step));
  const shown = observed.nodes.filter(({ alive, id }) => alive || [...now.values()].some((on) => on.includes(id)));
  const among = new Set(shown.filter(({ alive }) => alive).map(({ id }) => id));
  const before = nativeBalance(observed.shards, now, shown, among);
  const predicted = nativeBalance(observed.shards, after, shown, among);
  return {
    fingerprint: nativeFingerprint(observed),
    steps,
    before,
    predicted,
    price: priceOf(observed.shards, steps, { before, predicted, after }),
    notes,
  };
}
