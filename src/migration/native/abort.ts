import type { Plan, ShardStep } from "../../sharding/plan/contract.ts";
import { halfDone } from "../trouble.ts";
import { requestChange, type Change } from "./change.ts";
import type { NativeLook, NativeRunDeps } from "./contract.ts";
import { lookAround } from "./observe.ts";
import { knownPeers, shardStepsIn, shardsOf } from "./plan-state.ts";
import { stepState } from "./step-state.ts";

/**
 * Takes back what a plan has in flight: aborts the transfers that do what its steps want, and drops the half copies that they
 * leave. What is done stays done; `reverse` undoes that.
 * @returns steps that are done
 * @throws RagctlError exit 5 where the store does not end a transfer
 */
export async function abortNativePlan(plan: Plan, deps: NativeRunDeps): Promise<{ done: number }> {
  const { access, timing, hardSignal } = deps;
  const startUs = access.clock.monotonicUs();
  const asked = new Set<string>();
  for (let turn = 0; ; turn++) {
    const look = await lookAround(access, { signal: hardSignal, known: knownPeers(plan) });
    const open = shardStepsIn(plan).flatMap((step) => takenBack(plan, step, look));
    if (open.length === 0) return { done: shardStepsIn(plan).filter((step) => stepState(step, look).kind === "done").length };
    if ((access.clock.monotonicUs() - startUs) / 1000 > timing.patienceMs)
      throw halfDone(`${open.length} of the plan's transfers could not be taken back`, "transfer-stuck");
    for (const { step, change } of open) {
      const key = JSON.stringify(change);
      // Again only after it had time to take effect.
      if (asked.has(key) && turn % 10 !== 0) continue;
      asked.add(key);
      await requestChange(step.id, change, look, deps, turn);
    }
    await access.clock.sleep(timing.pollMs, hardSignal);
  }
}

function takenBack(plan: Plan, step: ShardStep, look: NativeLook): { step: ShardStep; change: Change }[] {
  const { shardId } = step;
  const state = stepState(step, look);
  if (state.kind === "running") {
    const { from, to } = state.transfer;
    return [{ step, change: { kind: "abort", shardId, from, to } }];
  }
  // What an aborted copy leaves is a replica that serves nothing, where there was none before.
  const replicas = look.shards.find(({ id }) => id === shardId)?.replicas ?? [];
  const before = shardsOf(plan).find(({ id }) => id === shardId)?.on ?? [];
  const half = replicas.find(({ node, state }) => node === step.to && state !== "Active" && !before.includes(node));
  const busy = look.transfers.some((transfer) => transfer.shardId === shardId);
  if (!half || busy || !replicas.some(({ state }) => state === "Active")) return [];
  return [{ step, change: { kind: "drop", shardId, from: half.node } }];
}
