import { ExitCode, RagctlError } from "../errors.ts";
import { fingerprintOfTable } from "../sharding/plan/fingerprint.ts";
import type { Plan } from "../sharding/plan/contract.ts";
import type { MaxRate } from "../sharding/plan/price.ts";
import { abortPlan, applyPlan, layoutOf } from "./apply.ts";
import { applyChange } from "./change.ts";
import { moverDeps, prepareNode, type MigrationAccess } from "./access.ts";
import { abortBeside } from "./beside/apply.ts";
import { layoutsOf } from "./beside/on-nodes.ts";
import type { Journal } from "./contract.ts";
import { startGovernor } from "./governor.ts";
import { leavingOf } from "./layout.ts";
import { holdFor } from "./access-lock.ts";
import { begunResult } from "./begun-result.ts";
import { isSpillEnd, planStateOf, type PlanState } from "./plan-state.ts";
import type { ShardApplyResult } from "./result.ts";
import { abortSpill } from "./spill.ts";
import { TableAccess } from "./table.ts";
import { tokenBucket } from "./throttle.ts";
import { halfDone, isFull } from "./trouble.ts";

export interface ApplyRun {
  plan: Plan;
  resume: boolean;
  abort: boolean;
  concurrency: number;
  maxRate: MaxRate | undefined;
  patienceMs: number;
}

export interface ApplyRunDeps {
  access: MigrationAccess;
  journal: Journal;
  soft: AbortSignal;
  hard: AbortSignal;
  note: (text: string) => void;
  onProgress: (points: number, stepsDone: number) => void;
}

/**
 * Where the plan stands on this cluster, before anything is asked or locked.
 * @throws RagctlError exit 7 where it must not run; 2 where the collection has no table
 */
export async function checkPlan(
  { plan, resume, abort }: Pick<ApplyRun, "plan" | "resume" | "abort">,
  access: MigrationAccess,
): Promise<PlanState> {
  if (plan.cluster !== access.cluster.name || plan.topology !== "routed")
    throw refuse(
      plan,
      `is for the ${plan.topology} cluster ${plan.cluster}; this is ${access.cluster.name}, which is routed`,
      "plan-other-cluster",
      `--cluster ${plan.cluster} chooses the other one.`,
    );
  const { table } = await new TableAccess(access.state, plan.collection).read();
  const state = planStateOf(plan, table, access.cluster.name);
  if (state === "begun" && !resume && !abort)
    throw refuse(
      plan,
      "is half applied",
      "plan-half-applied",
      "--resume goes on with it; --abort takes back what has not been cut over.",
    );
  if (abort && state !== "begun") throw refuse(plan, "has no moves in flight", "plan-not-begun", "There is nothing to abort.");
  if (abort && table.beside?.planId === plan.planId && table.beside.state === "left")
    throw refuse(
      plan,
      "has been switched to its new layout already",
      "plan-switched",
      "--resume drops what is left of the old one; ragctl rebalance reverse then undoes it.",
    );
  const changes = layoutOf(plan) !== undefined && fingerprintOfTable(layoutOf(plan)!).digest !== plan.fingerprint.digest;
  if (state === "finished" && !resume && changes)
    throw refuse(
      plan,
      "has been applied already",
      "plan-applied",
      "ragctl shard verify checks what it did; ragctl shard reverse undoes it.",
    );
  return state;
}

/**
 * Applies a routed plan, or what is left of it, or takes it back: under the cluster's lock, throttled, and held back while the cluster has
 * enough to do.
 * @throws RagctlError exit 7 where a guard refuses, 5 where it stops half done, the signal's reason where it is stopped at once
 */
export async function runApply(run: ApplyRun, deps: ApplyRunDeps): Promise<ShardApplyResult> {
  const { plan } = run;
  const { access, journal, soft, hard } = deps;
  const { clock } = access.runtime;
  const beganUs = clock.monotonicUs();
  const notes: string[] = [];
  const note = (text: string) => {
    notes.push(text);
    deps.note(text);
  };
  const result = begunResult(plan, "routed", notes);
  const lock = await holdFor(access, `shard apply ${plan.planId}`);
  const layout = layoutOf(plan);
  const governor = startGovernor({
    state: access.state,
    nodes: access.nodes,
    collection: plan.collection,
    clock,
    objectiveUs: objectiveUs(access),
    patienceMs: run.patienceMs,
    ignored: layout ? leavingOf(plan, layout) : new Set(),
    withoutSilent: isSpillEnd(plan),
    note,
  });
  try {
    // Somebody else may have been here between the question and the lock.
    const state = await checkPlan(run, access);
    result.resumed = state === "begun";
    const { table } = await new TableAccess(access.state, plan.collection).read();
    const mover = moverDeps(access, {
      table,
      lock,
      journal,
      signal: hard,
      patienceMs: run.patienceMs,
      note,
      throttle: tokenBucket(run.maxRate, clock),
      governor,
      onCopied(points, bytes) {
        result.points += points;
        result.bytes += bytes;
        deps.onProgress(result.points, result.steps.done);
      },
    });
    const layouts = layoutsOf(access);
    journal.record("apply", "start", { planId: plan.planId, state, steps: plan.steps.length });
    if (run.abort) {
      await abortBeside(plan.planId, { ...mover, layouts });
      const { cutOver } = await abortPlan(plan.planId, mover);
      await abortSpill(plan, mover);
      const { epoch } = (await access.state.getTable(plan.collection))!;
      Object.assign(result, { state: "aborted", epoch });
      result.steps.done = cutOver;
    } else if (state === "finished") {
      result.steps.done = plan.steps.length;
      result.epoch = (await access.state.getTable(plan.collection))?.epoch ?? null;
    } else {
      const outcome = await (plan.kind === "rebalance" ? applyChange : applyPlan)(plan, {
        ...mover,
        layouts,
        soft,
        concurrency: run.concurrency,
        prepareNode: (id, url) => prepareNode(access, plan.collection, id, url),
        onStep(step, phase) {
          if (phase === "end") result.steps.done++;
          deps.onProgress(result.points, result.steps.done);
          if (phase === "start") deps.note(`step ${step}`);
        },
      });
      result.state = outcome.finished ? "finished" : "interrupted";
      result.steps.done = outcome.stepsDone;
      result.epoch = outcome.epoch;
    }
    journal.record("apply", "end", { state: result.state, steps: result.steps });
  } catch (error) {
    // By then something has been begun: the same plan goes on from here.
    if (isFull(error)) throw stoppedFull(run, error);
    if (error instanceof RagctlError && error.exitCode === ExitCode.unreachable)
      throw halfDone(`Plan ${plan.planId} stopped half done: ${error.message}`, error.code, error);
    throw error;
  } finally {
    governor.stop();
    await lock.release();
  }
  result.elapsedMs = (clock.monotonicUs() - beganUs) / 1000;
  return result;
}

/** By then the table knows of no move any more that would lead to what was copied. */
const afterAbort = "ragctl shard verify --repair deletes what is left of the plan";
const afterApply =
  "--resume goes on where this stopped; or --abort takes back what has not been cut over, and ragctl shard reverse the rest";

/** A node has no room for what the plan brings: what was cut over stays, and what was not can go either way. */
function stoppedFull({ plan: { planId }, abort }: ApplyRun, error: RagctlError): RagctlError {
  return new RagctlError(`Plan ${planId} stopped half done: ${error.message}`, {
    code: error.code,
    exitCode: ExitCode.unhealed,
    hint: `Make room on that node (a larger quota or disk, or fewer points), then ${abort ? afterAbort : afterApply}.`,
    details: { planId },
    cause: error,
  });
}

function objectiveUs({ cluster: { objectives } }: MigrationAccess): number | undefined {
  const ms = objectives.p99 ?? objectives.p95 ?? objectives.p50;
  return ms === undefined ? undefined : ms * 1000;
}

function refuse(plan: Plan, what: string, code: string, hint: string): RagctlError {
  return new RagctlError(`Plan ${plan.planId} ${what}.`, {
    code,
    exitCode: ExitCode.refused,
    hint,
    details: { planId: plan.planId },
  });
}
