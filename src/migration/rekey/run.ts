import { nativeSend } from "../../cluster/native/send.ts";
import type { ClusterConfig } from "../../config/schema.ts";
import type { Runtime } from "../../runtime.ts";
import { foundTable } from "../../sharding/native-table.ts";
import type { Plan, RekeyStep } from "../../sharding/plan/contract.ts";
import { rekeyFingerprint } from "../../sharding/plan/rekey.ts";
import { physicalOf, type RoutingTable } from "../../sharding/table.ts";
import { driverFor } from "../../stores/index.ts";
import { openAccess, type MigrationAccess } from "../access.ts";
import type { Journal } from "../contract.ts";
import { holdFor } from "../access-lock.ts";
import { begunResult } from "../begun-result.ts";
import { nativeAccess, nativeGovernor, observeNative } from "../native/index.ts";
import { settleOf } from "../plan-state.ts";
import { planRefused, refuseOffline } from "../refuse-plan.ts";
import type { ShardApplyResult } from "../result.ts";
import { TableAccess } from "../table.ts";
import { tokenBucket } from "../throttle.ts";
import type { MaxRate } from "../../sharding/plan/price.ts";
import { abortRekey, applyRekey, changeProbes, copyIdOf } from "./apply.ts";
import type { RekeyDeps } from "./contract.ts";

export interface RekeyMode {
  resume: boolean;
  abort: boolean;
}

export interface RekeyRunDeps extends RekeyMode {
  runtime: Runtime;
  journal: Journal;
  maxRate: MaxRate | undefined;
  patienceMs: number;
  note: (text: string) => void;
  onProgress: (points: number, stepsDone: number) => void;
}

type Standing = "fresh" | "begun" | "finished";

function stepOf(plan: Plan): RekeyStep | undefined {
  return plan.steps.find((step) => step.kind === "rekey");
}

/**
 * Where a plan for the cells of a native collection stands, before anything is asked or locked.
 * @throws RagctlError exit 7 where it is for another cluster, stale, half applied without `resume`, or applied already
 */
export async function checkRekey(plan: Plan, cluster: ClusterConfig, runtime: Runtime, mode: RekeyMode): Promise<Standing> {
  const access = await openAccess(cluster, runtime);
  try {
    return await standingOf(plan, access, mode);
  } finally {
    await access.close();
  }
}

async function standingOf(
  plan: Plan,
  { cluster, runtime, state }: Pick<MigrationAccess, "cluster" | "state"> & { runtime: MigrationAccess["runtime"] },
  { resume, abort }: RekeyMode,
): Promise<Standing> {
  const refuse = (message: string, code: string, hint: string) => planRefused(plan, message, code, hint);
  refuseOffline(plan);
  if (plan.cluster !== cluster.name)
    throw refuse(
      `Plan ${plan.planId} is for the cluster ${plan.cluster}; this is ${cluster.name}.`,
      "plan-other-cluster",
      `--cluster ${plan.cluster} chooses the other one.`,
    );
  const table = await state.getTable(plan.collection);
  const standing = await whereOf(plan, table, cluster, runtime);
  if (standing === "begun" && !resume && !abort)
    throw refuse(
      `Plan ${plan.planId} is half applied.`,
      "plan-half-applied",
      "--resume goes on with it; --abort takes back what clients do not read yet.",
    );
  if (abort && !table?.native?.copy?.id.startsWith(copyIdOf(plan.planId)))
    throw refuse(
      `Plan ${plan.planId} has nothing to take back.`,
      "plan-not-begun",
      standing === "begun"
        ? "Clients read the new collection already: --resume ends it, ragctl rebalance reverse undoes it."
        : "There is nothing to abort.",
    );
  if (standing === "finished" && !resume)
    throw refuse(
      `Plan ${plan.planId} has been applied already.`,
      "plan-applied",
      "ragctl rebalance verify checks what it did; ragctl rebalance reverse undoes it.",
    );
  return standing;
}

async function whereOf(
  plan: Plan,
  table: RoutingTable | undefined,
  cluster: ClusterConfig,
  runtime: MigrationAccess["runtime"],
): Promise<Standing> {
  const refuse = (message: string, code: string, hint: string) => planRefused(plan, message, code, hint);
  const step = stepOf(plan);
  const { copy, left } = table?.native ?? {};
  if (copy?.id.startsWith(copyIdOf(plan.planId))) return "begun";
  if (table && step && physicalOf(table) === step.physical) return left === undefined ? "finished" : "begun";
  if (copy || left !== undefined)
    throw refuse(
      `Another plan is half applied to ${plan.collection}.`,
      "plan-in-flight",
      "Finish it with ragctl rebalance apply --resume, or take it back with --abort; then plan again.",
    );
  const native = nativeAccess(cluster, table ? physicalOf(table) : plan.collection, runtime);
  const observed = await observeNative(native);
  const from = table?.partitioner ?? foundTable(plan.collection, { size: 1, distance: "Cosine" }, cluster.routing).partitioner;
  const { digest } = rekeyFingerprint(observed, from, observed.replicationFactor);
  if (digest !== plan.fingerprint.digest)
    throw refuse(
      `Plan ${plan.planId} was made for another state of ${plan.collection}: its nodes, copies or cells are others now.`,
      "plan-stale",
      "ragctl rebalance plan makes a new one.",
    );
  if (!observed.consensus.quorum)
    throw refuse(
      `The consensus of cluster ${cluster.name} has no quorum: ${observed.consensus.problem}.`,
      "no-quorum",
      "Nothing was begun. Bring enough nodes back, or name in the config those that it does not.",
    );
  const settle = settleOf(plan);
  const wanted = settle?.layout.partitioner;
  const same = wanted?.kind === "semantic" && from.kind === "semantic" && wanted.probes === from.probes;
  return step || !settle || !same ? (plan.steps.length === 0 ? "finished" : "fresh") : "finished";
}

/**
 * Applies such a plan, or what is left of it, or takes it back: under the cluster's lock, throttled.
 * @throws RagctlError exit 7 where a guard refuses, 5 where it stops half done; the signal's reason where it is stopped
 */
export async function runRekey(plan: Plan, cluster: ClusterConfig, deps: RekeyRunDeps): Promise<ShardApplyResult> {
  const { runtime, journal } = deps;
  const { clock } = runtime;
  const beganUs = clock.monotonicUs();
  const notes: string[] = [];
  const note = (text: string) => {
    notes.push(text);
    deps.note(text);
  };
  const access = await openAccess(cluster, runtime);
  const result = begunResult(plan, "native", notes);
  if (deps.abort) result.state = "aborted";
  try {
    const lock = await holdFor(access, `rebalance apply ${plan.planId}`);
    try {
      const standing = await standingOf(plan, access, deps);
      result.resumed = standing === "begun";
      const step = stepOf(plan);
      const settle = settleOf(plan);
      if (step) {
        const rekey = rekeyDeps(plan, step, access, {
          ...deps,
          lock,
          note,
          onCopied(points, bytes) {
            // The store writes each copy of them.
            result.points += points * step.sharding.replicas;
            result.bytes += bytes * step.sharding.replicas;
            deps.onProgress(result.points, 0);
          },
        });
        result.epoch = (await (deps.abort ? abortRekey(rekey) : applyRekey(rekey))).epoch;
      } else if (settle && standing === "fresh") {
        journal.record("settle", "start");
        const table = new TableAccess(access.state, plan.collection);
        result.epoch = (await changeProbes(table, settle.layout.partitioner)).epoch;
        journal.record("settle", "end");
      }
      if (!deps.abort) result.steps.done = plan.steps.length;
    } finally {
      await lock.release();
    }
  } finally {
    await access.close();
  }
  result.elapsedMs = (clock.monotonicUs() - beganUs) / 1000;
  return result;
}

function rekeyDeps(
  plan: Plan,
  step: RekeyStep,
  access: MigrationAccess,
  run: Pick<RekeyRunDeps, "runtime" | "journal" | "maxRate" | "patienceMs" | "note"> &
    Pick<RekeyDeps, "onCopied"> & { lock: Pick<RekeyDeps, "fence" | "unclean"> },
): RekeyDeps {
  const { cluster, state, nodes, requestTimeoutMs } = access;
  const { runtime, journal, maxRate, patienceMs, note, lock, onCopied } = run;
  const { clock, rng } = runtime;
  const driver = driverFor(cluster);
  const native = nativeAccess(cluster, plan.collection, runtime);
  return {
    collection: plan.collection,
    planId: plan.planId,
    step,
    state,
    sender: nativeSend({ cluster, nodes, clock, rng, requestTimeoutMs }),
    face: (physical) => driver.data(physical, cluster.store.vector),
    nodes: nodes.all,
    vectorName: cluster.store.vector,
    capabilities: driver.capabilities,
    clock,
    requestTimeoutMs,
    patienceMs,
    unclean: lock.unclean,
    fence: lock.fence,
    throttle: tokenBucket(maxRate, clock),
    governor: nativeGovernor({ access: native, objectiveUs: objectiveUs(cluster), patienceMs, note }),
    journal,
    signal: AbortSignal.any([runtime.signal, runtime.hardSignal]),
    note,
    onCopied,
  };
}

function objectiveUs({ objectives }: ClusterConfig): number | undefined {
  const ms = objectives.p99 ?? objectives.p95 ?? objectives.p50;
  return ms === undefined ? undefined : ms * 1000;
}
