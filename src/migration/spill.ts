import type { Plan, SpillStampStep } from "../sharding/plan/contract.ts";
import { next, type Transition } from "../sharding/transitions.ts";
import { sameCells } from "../sharding/partitioner-change.ts";
import { beginSpill, dropSpill, endSpill, spillTargets } from "../sharding/spill.ts";
import type { RoutingTable } from "../sharding/table.ts";
import { abortPlan, patiently, settled, type ApplyDeps, type ApplyOutcome } from "./apply.ts";
import { backfill } from "./backfill.ts";
import { allConfirmed } from "./confirm.ts";
import type { MoverDeps } from "./contract.ts";
import { NodeIo } from "./io.ts";
import { isSpillEnd, isSpillPlan, settleOf } from "./plan-state.ts";
import { selectorOf } from "./positions.ts";
import { planRefused } from "./refuse-plan.ts";
import { spillJob } from "./spill-job.ts";
import { cleanToTheEnd } from "./sweep.ts";
import { TableAccess } from "./table.ts";
import { TrackedCopy } from "./tracked-copy.ts";
import { halfDone } from "./trouble.ts";
import { dropHolds } from "./verify-repair.ts";

const lookEveryMs = 250;

/**
 * Executes the plan that begins or ends copies near boundaries (ROUTING.md), from wherever it stands, by the table.
 * @throws RagctlError exit 5 where it stops half done, 7 where a step is refused
 */
export async function applySpill(plan: Plan, deps: ApplyDeps): Promise<ApplyOutcome> {
  const { journal } = deps;
  const table = new TableAccess(deps.state, deps.collection, deps.physical);
  // What was begun in the other direction is taken back first.
  if (plan.reverses !== undefined) await abortPlan(plan.reverses, deps, { keepChange: true });
  await table.change(dropHolds);
  const epoch = async () => (await table.read()).table.epoch;
  for (const [stepsDone, step] of plan.steps.entries()) {
    if (deps.soft.aborted) return { stepsDone, epoch: await epoch(), finished: false };
    deps.onStep(step.id, "start");
    journal.record(step.id, "start");
    switch (step.kind) {
      case "spill-stamp":
        await stamp(plan, step, table, deps);
        break;
      case "backfill":
        await backfill(step.id, deps);
        break;
      case "spill-copy":
        await new TrackedCopy(spillJob(plan, step), deps).run();
        break;
      case "spill-end":
        await endCopies(deps);
        break;
      case "settle":
        await required(plan, table, (now) => settle(now, plan));
        break;
      default:
        throw new TypeError(`a step of kind ${step.kind} has no copies near boundaries`);
    }
    journal.record(step.id, "end");
    deps.onStep(step.id, "end");
  }
  return { stepsDone: plan.steps.length, epoch: await epoch(), finished: true };
}

/** Every client stamps second cells when this ends, and every node has an index for their field. */
async function stamp(plan: Plan, { ratio }: SpillStampStep, table: TableAccess, deps: ApplyDeps): Promise<void> {
  if (!deps.capabilities.supportsConditionalUpsert)
    throw planRefused(
      plan,
      "The store cannot be told which existing points an upsert may replace, so that copies could undo newer writes.",
      "store-cannot",
      "Qdrant 1.16 and newer can.",
    );
  // They are being taken away: that ends first.
  if ((await table.read()).table.spill?.phase === "ending") await endCopies(deps);
  const { nodes } = await required(plan, table, (now) => beginSpill(now, ratio));
  for (const [id, { url, state }] of Object.entries(nodes))
    // A stale one gets it with its repair.
    if (state !== "stale") await patiently(deps, () => deps.prepareNode(id, url));
  await allConfirmed(deps, (await table.read()).table.epoch);
}

async function required(
  plan: Plan,
  table: TableAccess,
  change: (table: RoutingTable) => Transition | "unchanged",
): Promise<RoutingTable> {
  const { outcome, routing } = await table.change(change);
  if (typeof outcome === "object")
    throw planRefused(
      plan,
      `Copies near boundaries cannot be begun or ended: ${outcome.refused}.`,
      "plan-in-flight",
      "ragctl shard status shows the table.",
    );
  return routing.table;
}

/** What searches ask from now on. */
function settle(table: RoutingTable, plan: Plan): Transition | "unchanged" {
  const { partitioner, spill: kept } = settleOf(plan)!.layout;
  if ((table.spill?.phase === "on" ? table.spill.ratio : undefined) !== kept?.ratio)
    return { refused: kept ? "they are not all there" : "they are still there" };
  if (!sameCells(table.partitioner, partitioner)) return { refused: "the cells are others by now" };
  return JSON.stringify(table.partitioner) === JSON.stringify(partitioner) ? "unchanged" : next(table, { partitioner });
}

/**
 * Ends copies near boundaries, whatever has been made of them: nobody counts on them any more, then what is left is deleted. Goes on where it was stopped.
 * A node that does not answer keeps what it has, which nobody serves.
 */
async function endCopies(deps: MoverDeps): Promise<void> {
  const { clock, note } = deps;
  const beganMs = clock.nowMs();
  const table = new TableAccess(deps.state, deps.collection, deps.physical);
  const before = (await table.read()).table.spill;
  if (!before) return;
  // A stamp of a backfill that died could land on what is written without one, and stay there.
  if (before.phase === "stamping") await settled(deps, beganMs);
  await changed(table, endSpill);
  const routing = await table.read();
  await allConfirmed(deps, routing.table.epoch);
  const io = new NodeIo(deps, table);
  for (const { to: node, old } of spillTargets(routing)) {
    if (!(await answersInTime(io, node, deps))) {
      note(`${node} does not answer; what it holds of copies is left there, and nobody serves it`);
      continue;
    }
    await cleanToTheEnd(table, deps, { node, selector: selectorOf(old, "cell"), leaves: false, name: `copies on ${node}` });
  }
  await settled(deps, beganMs);
  deps.fence.ensure();
  await changed(table, dropSpill);
}

/**
 * Takes back what of such a plan there is, whose moves are gone.
 * @throws RagctlError exit 7 where copies are being taken away: that only goes on
 */
export async function abortSpill(plan: Plan, deps: MoverDeps): Promise<void> {
  if (isSpillEnd(plan))
    throw planRefused(
      plan,
      "Copies near boundaries are being taken away, and some may be gone.",
      "cannot-abort",
      "--resume goes on with it; ragctl rebalance reverse then makes them anew.",
    );
  if (!isSpillPlan(plan)) return;
  await new TableAccess(deps.state, deps.collection, deps.physical).change(dropHolds);
  await endCopies(deps);
}

async function changed(table: TableAccess, change: (table: RoutingTable) => Transition | "unchanged"): Promise<void> {
  const { outcome } = await table.change(change);
  if (typeof outcome === "object")
    throw halfDone(`Copies near boundaries cannot be ended now: ${outcome.refused}.`, "plan-in-flight");
}

async function answersInTime(io: NodeIo, node: string, { clock, signal, patienceMs }: MoverDeps): Promise<boolean> {
  const untilMs = clock.nowMs() + patienceMs;
  while (!(await io.answers(node))) {
    if (clock.nowMs() >= untilMs) return false;
    await clock.sleep(lookEveryMs, signal);
  }
  return true;
}
