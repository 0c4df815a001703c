import { ExitCode, RagctlError } from "../../errors.ts";
import type { Plan, ShardStep } from "../../sharding/plan/contract.ts";
import type { NativeApplied, NativeLook, NativeRunDeps } from "./contract.ts";
import { lookAround, observeNative } from "./observe.ts";
import { knownPeers, checkFresh, shardStepsIn } from "./plan-state.ts";
import { runStep } from "./run-step.ts";

/**
 * Carries out a plan with `topology: "native"`, or the rest of one.
 *
 * Steps of one shard run one after the other, at most `concurrency` at once. The first error lets what is in flight come to
 * its end, and is thrown then; so does `signal`, which is no error.
 * @throws RagctlError exit 7 for a stale plan and what a guard forbids, exit 5 where it is left half done, exit 3 where no
 *   node answers; the reason of `hardSignal`
 */
export async function applyNativePlan(plan: Plan, deps: NativeRunDeps): Promise<NativeApplied> {
  const steps = shardStepsIn(plan);
  const known = knownPeers(plan);
  checkFresh(plan, await observeNative(deps.access, { signal: deps.hardSignal, known }));
  const applied: NativeApplied = { steps: { total: steps.length, done: 0 }, points: 0, bytes: 0, skipped: 0, interrupted: false };
  const look = () => patientLook(deps, known);
  const waiting = [...steps];
  const running = new Map<ShardStep, Promise<void>>();
  const failures: unknown[] = [];

  const start = async (step: ShardStep): Promise<void> => {
    try {
      await deps.governor.calm(deps.hardSignal);
      deps.journal.record(step.id, "start", step);
      const acted = await runStep(step, look, deps);
      deps.journal.record(step.id, "end", { acted });
      applied.steps.done++;
      if (!acted) applied.skipped++;
      else if (step.kind !== "drop-replica") {
        applied.points += step.points;
        applied.bytes += step.bytes;
        // The store sets the pace of a transfer; the mean is kept by waiting before the next.
        if (waiting.length > 0)
          await deps.throttle.take(step.points, step.bytes, AbortSignal.any([deps.signal, deps.hardSignal]));
      }
    } catch (error) {
      if (!deps.signal.aborted || error !== deps.signal.reason) failures.push(error);
    } finally {
      running.delete(step);
    }
  };

  for (;;) {
    while (failures.length === 0 && !deps.signal.aborted && running.size < deps.concurrency) {
      const next = waiting.findIndex(({ shardId }, index) => isFree(shardId, waiting.slice(0, index), running.keys()));
      if (next < 0) break;
      const [step] = waiting.splice(next, 1);
      running.set(step!, start(step!));
    }
    if (running.size === 0) break;
    await Promise.race(running.values());
  }
  deps.hardSignal.throwIfAborted();
  if (failures.length > 0) throw failures[0];
  return { ...applied, interrupted: waiting.length > 0 };
}

/** A moment in which no node answers does not end hours of work. */
async function patientLook({ access, timing, hardSignal }: NativeRunDeps, known: Record<string, number>): Promise<NativeLook> {
  const startUs = access.clock.monotonicUs();
  for (;;) {
    try {
      return await lookAround(access, { signal: hardSignal, known });
    } catch (error) {
      const waitedMs = (access.clock.monotonicUs() - startUs) / 1000;
      const passing = error instanceof RagctlError && error.exitCode === ExitCode.unreachable;
      if (!passing || waitedMs >= timing.patienceMs) throw error;
      await access.clock.sleep(timing.pollMs, hardSignal);
    }
  }
}

function isFree(shardId: number, earlier: readonly ShardStep[], running: Iterable<ShardStep>): boolean {
  return !earlier.some((step) => step.shardId === shardId) && ![...running].some((step) => step.shardId === shardId);
}
