import { openClusterState } from "../cluster/index.ts";
import { thisHost } from "../cluster/this-host.ts";
import type { ClusterConfig } from "../config/schema.ts";
import { identify } from "../process-identity.ts";
import type { Runtime } from "../runtime.ts";
import type { Plan } from "../sharding/plan/contract.ts";
import type { MaxRate } from "../sharding/plan/price.ts";
import type { Journal } from "./contract.ts";
import { clusterLock, deadHere, holdLock } from "./lock.ts";
import {
  abortNativePlan,
  applyNativePlan,
  checkFresh,
  defaultTiming,
  knownPeers,
  nativeAccess,
  nativeGovernor,
  observeNative,
  type NativePlanState,
  type NativeRunDeps,
} from "./native/index.ts";
import { planRefused, refuseOffline } from "./refuse-plan.ts";
import type { ShardApplyResult } from "./result.ts";
import { tokenBucket } from "./throttle.ts";

/** A change waits for the store's agreement, and then for its answer. */
const changeTimeoutMs = defaultTiming.waitSec * 1000 + 5_000;

export interface NativeApplyMode {
  resume: boolean;
  /** Take back what is in flight. */
  abort: boolean;
}

export interface NativeApplyDeps extends NativeApplyMode {
  runtime: Runtime;
  journal: Journal;
  concurrency: number;
  maxRate: MaxRate | undefined;
  patienceMs: number;
  note: (text: string) => void;
  onProgress: (points: number, stepsDone: number) => void;
}

/**
 * Where a native plan stands, before anything is asked or locked.
 * @throws RagctlError exit 7 where it is for another cluster, made offline, stale, half applied without `resume`, or applied already
 */
export async function checkNative(
  plan: Plan,
  cluster: ClusterConfig,
  runtime: Runtime,
  { resume, abort }: NativeApplyMode,
): Promise<NativePlanState> {
  const refuse = (message: string, code: string, hint: string) => planRefused(plan, message, code, hint);
  refuseOffline(plan);
  if (plan.cluster !== cluster.name || plan.topology !== "native")
    throw refuse(
      `Plan ${plan.planId} is for the ${plan.topology} cluster ${plan.cluster}; this is ${cluster.name}, which is native.`,
      "plan-other-cluster",
      `--cluster ${plan.cluster} chooses the other one.`,
    );
  const access = nativeAccess(cluster, plan.collection, runtime);
  const observed = await observeNative(access, { signal: runtime.signal, known: knownPeers(plan) });
  const state = checkFresh(plan, observed);
  if (state === "begun" && !resume && !abort)
    throw refuse(
      `Plan ${plan.planId} is half applied.`,
      "plan-half-applied",
      "--resume goes on with it; --abort takes back what is in flight.",
    );
  if (abort && state !== "begun")
    throw refuse(`Plan ${plan.planId} has nothing in flight.`, "plan-not-begun", "There is nothing to abort.");
  if (state === "finished" && !resume && plan.steps.length > 0)
    throw refuse(
      `Plan ${plan.planId} has been applied already.`,
      "plan-applied",
      "ragctl shard verify checks what it did; ragctl shard reverse undoes it.",
    );
  if (state !== "finished" && !observed.consensus.quorum)
    throw refuse(
      `The consensus of cluster ${cluster.name} has no quorum: ${observed.consensus.problem}.`,
      "no-quorum",
      "Nothing was begun. Bring enough nodes back, or name in the config those that it does not.",
    );
  return state;
}

/**
 * Applies a native plan, or what is left of it, or takes back what it has in flight: under the cluster's lock, and held back while
 * the cluster has enough to do.
 * @throws RagctlError exit 7 where a guard refuses, 5 where it stops half done; the signal's reason where it is stopped at once
 */
export async function applyNative(plan: Plan, cluster: ClusterConfig, deps: NativeApplyDeps): Promise<ShardApplyResult> {
  const { runtime, journal, concurrency, maxRate, patienceMs } = deps;
  const { clock, cwd, pid } = runtime;
  const beganUs = clock.monotonicUs();
  const notes: string[] = [];
  const note = (text: string) => {
    notes.push(text);
    deps.note(text);
  };
  const state = await openClusterState(cluster, { clock, cwd });
  try {
    const lock = await holdLock(state, {
      name: clusterLock,
      owner: { host: thisHost, pid, startTime: identify(pid)?.startTime ?? "unknown", purpose: `shard apply ${plan.planId}` },
      clock,
      requestTimeoutMs: changeTimeoutMs,
      isDead: deadHere(thisHost),
    });
    try {
      // Somebody else may have been here between the question and the lock.
      const standing = await checkNative(plan, cluster, runtime, deps);
      const access = nativeAccess(cluster, plan.collection, runtime);
      const pointsOf = new Map<string, number>();
      let done = 0;
      const native: NativeRunDeps = {
        access,
        journal: {
          record(name, phase, detail) {
            journal.record(name, phase, detail);
            if (phase === "end" && plan.steps.some(({ id }) => id === name)) done++;
          },
        },
        fence: lock.fence,
        throttle: tokenBucket(maxRate, clock),
        governor: nativeGovernor({ access, plan, objectiveUs: objectiveUs(cluster), patienceMs, note }),
        concurrency,
        timing: { ...defaultTiming, patienceMs },
        signal: runtime.signal,
        hardSignal: runtime.hardSignal,
        note,
        onProgress({ step, points }) {
          pointsOf.set(step, points);
          deps.onProgress(
            [...pointsOf.values()].reduce((sum, each) => sum + each, 0),
            done,
          );
        },
      };
      const applied = deps.abort ? await takenBack(plan, native) : await applyNativePlan(plan, native);
      return {
        planId: plan.planId,
        cluster: cluster.name,
        collection: plan.collection,
        topology: "native",
        state: deps.abort ? "aborted" : applied.interrupted ? "interrupted" : "finished",
        steps: applied.steps,
        points: applied.points,
        bytes: applied.bytes,
        epoch: null,
        resumed: standing === "begun",
        elapsedMs: (clock.monotonicUs() - beganUs) / 1000,
        notes,
      };
    } finally {
      await lock.release();
    }
  } finally {
    await state.close();
  }
}

async function takenBack(plan: Plan, deps: NativeRunDeps) {
  const { done } = await abortNativePlan(plan, deps);
  return { steps: { total: plan.steps.length, done }, points: 0, bytes: 0, interrupted: false };
}

function objectiveUs({ objectives }: ClusterConfig): number | undefined {
  const ms = objectives.p99 ?? objectives.p95 ?? objectives.p50;
  return ms === undefined ? undefined : ms * 1000;
}
