import { openClusterState } from "../cluster/index.ts";
import { thisHost } from "../cluster/nodes.ts";
import type { ClusterConfig } from "../config/schema.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import { identify } from "../process-identity.ts";
import type { Runtime } from "../runtime.ts";
import type { Plan } from "../sharding/plan/contract.ts";
import type { MaxRate } from "../sharding/plan/price.ts";
import { alwaysCalm, type Journal } from "./contract.ts";
import { clusterLock, deadHere, holdLock } from "./lock.ts";
import { applyNativePlan, checkFresh, defaultTiming, nativeAccess, observeNative } from "./native/index.ts";
import type { ShardApplyResult } from "./result.ts";
import { tokenBucket } from "./throttle.ts";

/** Locks of a native cluster guard one ragctl against another; the store's own consensus guards the rest. */
const lockSlackMs = 5_000;

export interface NativeApplyDeps {
  runtime: Runtime;
  journal: Journal;
  concurrency: number;
  maxRate: MaxRate | undefined;
  patienceMs: number;
  note: (text: string) => void;
  onProgress: (points: number, stepsDone: number) => void;
}

/** @throws RagctlError exit 7 where the plan is for another cluster, made offline, or stale */
export async function checkNative(plan: Plan, cluster: ClusterConfig, runtime: Runtime): Promise<void> {
  const refuse = (message: string, code: string, hint: string) =>
    new RagctlError(message, { code, exitCode: ExitCode.refused, hint });
  if (plan.offline)
    throw refuse(
      `Plan ${plan.planId} was made from flags alone.`,
      "plan-offline",
      "ragctl shard plan without --nodes makes one for the live cluster.",
    );
  if (plan.cluster !== cluster.name || plan.topology !== "native")
    throw refuse(
      `Plan ${plan.planId} is for the ${plan.topology} cluster ${plan.cluster}; this is ${cluster.name}, which is native.`,
      "plan-other-cluster",
      `--cluster ${plan.cluster} chooses the other one.`,
    );
  const { partitioner } = plan.fingerprint;
  const known = partitioner.kind === "native" ? partitioner.peers : {};
  checkFresh(plan, await observeNative(nativeAccess(cluster, plan.collection, runtime), { signal: runtime.signal, known }));
}

/** Applies a native plan, or what is left of it, under the cluster's lock. */
export async function applyNative(plan: Plan, cluster: ClusterConfig, deps: NativeApplyDeps): Promise<ShardApplyResult> {
  const { runtime, journal, concurrency, maxRate, patienceMs } = deps;
  const { clock, cwd, pid } = runtime;
  const beganUs = clock.monotonicUs();
  const notes: string[] = [];
  const state = await openClusterState(cluster, { clock, cwd });
  try {
    const lock = await holdLock(state, {
      name: clusterLock,
      owner: { host: thisHost, pid, startTime: identify(pid)?.startTime ?? "unknown", purpose: `shard apply ${plan.planId}` },
      clock,
      requestTimeoutMs: lockSlackMs,
      isDead: deadHere(thisHost),
    });
    try {
      let done = 0;
      const applied = await applyNativePlan(plan, {
        access: nativeAccess(cluster, plan.collection, runtime),
        journal: {
          record(name, phase, detail) {
            journal.record(name, phase, detail);
            if (phase === "end") done++;
          },
        },
        fence: lock.fence,
        throttle: tokenBucket(maxRate, clock),
        governor: alwaysCalm,
        concurrency,
        timing: { ...defaultTiming, patienceMs },
        signal: runtime.signal,
        hardSignal: runtime.hardSignal,
        note(text) {
          notes.push(text);
          deps.note(text);
        },
        onProgress: ({ points }) => deps.onProgress(points, done),
      });
      return {
        planId: plan.planId,
        cluster: cluster.name,
        collection: plan.collection,
        topology: "native",
        state: applied.interrupted ? "interrupted" : "finished",
        steps: applied.steps,
        points: applied.points,
        bytes: applied.bytes,
        epoch: null,
        resumed: applied.skipped > 0,
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
