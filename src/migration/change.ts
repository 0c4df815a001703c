import type { Plan, RegroupStep, StampStep } from "../sharding/plan/contract.ts";
import { beginChange, dropChange, finishChange, samePartitioner } from "../sharding/partitioner-change.ts";
import { abortPlan, patiently, runSteps, settled, type ApplyDeps, type ApplyOutcome } from "./apply.ts";
import { backfill } from "./backfill.ts";
import { applyBeside, isBesidePlan } from "./beside/apply.ts";
import { allConfirmed } from "./confirm.ts";
import { isSpillPlan, settleOf } from "./plan-state.ts";
import { planRefused } from "./refuse-plan.ts";
import { regroupJob } from "./regroup.ts";
import { selectorsShare } from "./positions.ts";
import { applySpill } from "./spill.ts";
import { stepRunner } from "./step-runner.ts";
import { sweep } from "./sweep.ts";
import { TableAccess } from "./table.ts";
import { TrackedCopy } from "./tracked-copy.ts";
import { dropHolds } from "./verify-repair.ts";

/**
 * Executes the plan of a change of partitioner from wherever it stands, by the table: stamp, backfill, group after group, and the end.
 * @throws RagctlError exit 5 where it stops half done, 7 where a step is refused
 */
export async function applyChange(plan: Plan, deps: ApplyDeps): Promise<ApplyOutcome> {
  if (isBesidePlan(plan)) return await applyBeside(plan, deps);
  if (isSpillPlan(plan)) return await applySpill(plan, deps);
  const { clock, soft } = deps;
  const beganMs = clock.nowMs();
  const table = new TableAccess(deps.state, deps.collection, deps.physical);
  const settle = settleOf(plan);
  const epoch = async () => (await table.read()).table.epoch;
  if (!settle) return { stepsDone: 0, epoch: await epoch(), finished: true };
  if (!deps.capabilities.supportsConditionalUpsert)
    throw planRefused(
      plan,
      "The store cannot be told which existing points an upsert may replace, so that moving points could undo newer writes.",
      "store-cannot",
      "Qdrant 1.16 and newer can.",
    );
  // What was begun in the other direction is taken back first.
  if (plan.reverses !== undefined && (await table.read()).table.transition)
    await abortPlan(plan.reverses, deps, { keepChange: true });
  await table.change(dropHolds);
  const steps = stepRunner(deps);
  for (const one of plan.steps) {
    if (one.kind !== "stamp" && one.kind !== "backfill") continue;
    if (soft.aborted) return { stepsDone: steps.done, epoch: await epoch(), finished: false };
    await steps.run(one.id, () => (one.kind === "stamp" ? stamp(plan, one, table, deps) : backfill(one.id, deps)));
  }
  const groups = plan.steps.filter((one): one is RegroupStep => one.kind === "regroup");
  const share = (a: RegroupStep, b: RegroupStep) => selectorsShare(a.into, b.into);
  const done = await runSteps(groups, deps, share, (one, inner) => new TrackedCopy(regroupJob(plan, one), inner).run());
  if (done < groups.length) return { stepsDone: steps.done + done, epoch: await epoch(), finished: false };
  await settled(deps, beganMs);
  // Back at the beginning: what was on its way when it was given up may lie about.
  if ((await table.read()).table.transition?.moved.length === 0) await sweep(deps);
  await steps.run(settle.id, async () => {
    deps.fence.ensure();
    const { outcome } = await table.change((now) => {
      const { transition, partitioner } = now;
      if (!transition)
        return samePartitioner(partitioner, settle.layout.partitioner) ? "unchanged" : { refused: "the change is gone" };
      return samePartitioner(partitioner, settle.layout.partitioner) ? dropChange(now) : finishChange(now);
    });
    if (typeof outcome === "object")
      throw planRefused(
        plan,
        `The change of partitioner cannot come to its end: ${outcome.refused}.`,
        "settle-refused",
        "ragctl rebalance reverse undoes what was moved.",
      );
  });
  return { stepsDone: plan.steps.length, epoch: await epoch(), finished: true };
}

/** Every client knows of the new partitioner when this ends, and every node has an index for its field. */
async function stamp(plan: Plan, { partitioner }: StampStep, table: TableAccess, deps: ApplyDeps): Promise<void> {
  const { outcome, routing } = await table.change((now) => beginChange(now, partitioner));
  if (typeof outcome === "object")
    throw planRefused(
      plan,
      `The change of partitioner cannot begin: ${outcome.refused}.`,
      "plan-in-flight",
      "ragctl shard status shows the table.",
    );
  for (const [id, { url, state }] of Object.entries(routing.table.nodes))
    // A stale one gets it with its repair.
    if (state !== "stale") await patiently(deps, () => deps.prepareNode(id, url));
  await allConfirmed(deps, (await table.read()).table.epoch);
}
