import { ExitCode, RagctlError } from "../../errors.ts";
import { beginBeside, forgetBeside } from "../../sharding/beside.ts";
import type { Routing } from "../../sharding/owners.ts";
import type { BuildStep, Plan } from "../../sharding/plan/contract.ts";
import type { RoutingTable } from "../../sharding/table.ts";
import { markStale } from "../../sharding/transitions.ts";
import { abortPlan, patiently, settled, type ApplyDeps, type ApplyOutcome } from "../apply.ts";
import { allConfirmed } from "../confirm.ts";
import type { MoverDeps } from "../contract.ts";
import { NodeIo } from "../io.ts";
import { settleOf } from "../plan-state.ts";
import { planRefused } from "../refuse-plan.ts";
import { stepRunner } from "../step-runner.ts";
import { TableAccess, together } from "../table.ts";
import { TrackedCopy } from "../tracked-copy.ts";
import { halfDone } from "../trouble.ts";
import { dropHolds } from "../verify-repair.ts";
import { awaitLate } from "./io.ts";
import { buildJob } from "./job.ts";

type BesideDeps = MoverDeps & Pick<ApplyDeps, "layouts">;

/** Whether a plan builds a layout beside the one that serves, or takes one away. */
export function isBesidePlan({ steps }: Pick<Plan, "steps">): boolean {
  return steps.some(({ kind }) => kind === "build" || kind === "drop-layout");
}

/**
 * Executes the plan of a change of partitioner by a second layout, from wherever it stands, by the table: build it, switch, drop the one before.
 * @throws RagctlError exit 5 where it stops half done, 7 where a step is refused
 */
export async function applyBeside(plan: Plan, given: ApplyDeps): Promise<ApplyOutcome> {
  // From the switch on, the nodes call the collection otherwise, and that is what this is about.
  const { physical: _either, ...deps } = given;
  const { clock, soft } = deps;
  const beganMs = clock.nowMs();
  const table = new TableAccess(deps.state, deps.collection);
  const settle = settleOf(plan);
  const epoch = async () => (await table.read()).table.epoch;
  if (!settle) return { stepsDone: 0, epoch: await epoch(), finished: true };
  if (plan.reverses !== undefined) await takeBack(plan.reverses, deps);
  await table.change(dropHolds);
  const steps = stepRunner(deps);
  for (const one of plan.steps) {
    if (soft.aborted) return { stepsDone: steps.done, epoch: await epoch(), finished: false };
    if (one.kind === "build") await steps.run(one.id, () => build(plan, one, table, deps));
    if (one.kind === "drop-layout") await steps.run(one.id, () => dropLeft(plan.planId, table, deps));
  }
  await settled(deps, beganMs);
  await steps.run(settle.id, () => Promise.resolve());
  return { stepsDone: plan.steps.length, epoch: await epoch(), finished: true };
}

async function build(plan: Plan, step: BuildStep, table: TableAccess, deps: Omit<ApplyDeps, "physical">): Promise<void> {
  const { layouts } = deps;
  const { physical, partitioner } = step;
  const { planId } = plan;
  const { table: before } = await table.read();
  if (!before.beside) await patiently(deps, () => layouts.requireCopyable(before));
  const { outcome, routing } = await table.change((now) => beginBeside(now, { physical, planId, partitioner }));
  if (typeof outcome === "object")
    throw planRefused(
      plan,
      `The new layout cannot be built: ${outcome.refused}.`,
      "plan-in-flight",
      "ragctl shard status shows the table.",
    );
  const now = routing.table;
  if (now.beside?.state === "building") {
    deps.fence.ensure();
    try {
      await Promise.all(now.members.map((id) => patiently(deps, () => layouts.create(id, now, step))));
    } catch (error) {
      // What was not answered may make it yet: whoever gives the plan up must wait for that.
      deps.fence.leaveUnclean();
      throw error;
    }
  }
  await new TrackedCopy(buildJob(plan, step, layouts.face(physical)), deps).run();
}

/** The layout before goes once nobody reads it any more, and nothing can land there late. */
async function dropLeft(planId: string, table: TableAccess, deps: BesideDeps): Promise<void> {
  const { table: now } = await table.read();
  const { beside } = now;
  if (beside?.planId !== planId || beside.state !== "left") return;
  await allConfirmed(deps, now.epoch);
  await dropEverywhere(planId, table, deps);
}

/**
 * The second collection goes from all nodes. One that does not answer is stale from then on, and loses it with its repair: no plan must wait for a
 * node that is gone for good.
 * @throws RagctlError exit 5 where a node does not answer that nobody can stand in for, or refuses
 */
async function dropEverywhere(planId: string, table: TableAccess, deps: BesideDeps): Promise<void> {
  const { table: now } = await table.read();
  const { beside, nodes } = now;
  if (beside?.planId !== planId) return;
  const io = new NodeIo(deps, table);
  deps.fence.ensure();
  const away: string[] = [];
  const dropOn = async (id: string) => {
    try {
      if (nodes[id]!.state === "stale" && !(await io.answers(id))) throw halfDone(`${id} is stale.`, "node-unreachable");
      if (beside.state === "left") await awaitLate(io, id, deps);
      await patiently(deps, () => deps.layouts.drop(id, now, beside.physical));
    } catch (error) {
      if (!(error instanceof RagctlError)) throw error;
      if (error.code !== "node-unreachable")
        throw error.exitCode === ExitCode.unreachable
          ? halfDone(`${beside.physical} stays: ${error.message}.`, error.code, error)
          : error;
      away.push(id);
      deps.note(`${id} does not answer: what it has of ${beside.physical} stays there until it is repaired`);
    }
  };
  await Promise.all(Object.keys(nodes).map(dropOn));
  const forget = (each: RoutingTable) => forgetBeside(each, planId);
  const { outcome } = await table.change((each, routing) => {
    // Also one that has been repaired since: by then there was something beside, which its repair left alone.
    const mark = away.map((id) => (one: RoutingTable, compiled: Routing) => markStale(one, id, compiled));
    const forgotten = together(each, routing, [forget, ...mark]);
    // What was given up serves nobody, wherever it is.
    return typeof forgotten === "object" && "refused" in forgotten && beside.state === "building" ? forget(each) : forgotten;
  });
  if (typeof outcome === "object")
    throw halfDone(`${beside.physical} cannot be forgotten now: ${outcome.refused}.`, "drop-refused");
}

/**
 * Takes back what a plan was building: its move leaves the table, and the second collection goes from all nodes. What has been switched stays.
 * @returns whether there was anything to take back
 */
export async function abortBeside(planId: string, deps: BesideDeps): Promise<boolean> {
  const { clock } = deps;
  const beganMs = clock.nowMs();
  const table = new TableAccess(deps.state, deps.collection);
  const { beside } = (await table.read()).table;
  if (beside?.planId !== planId || beside.state !== "building") return false;
  await table.change(dropHolds);
  await abortPlan(planId, deps);
  // What a mover that died had sent lands before there is nothing to land in.
  await settled(deps, beganMs);
  // A mover that lost its lock unnoticed may have switched while this began.
  if ((await table.read()).table.beside?.state === "left")
    throw halfDone(`Clients read ${beside.physical} by now: there is nothing to take back.`, "plan-switched");
  await dropEverywhere(planId, table, deps);
  return true;
}

/** What is left of the plan that is undone: a layout that was not switched to is given up, one that was left goes first. */
async function takeBack(planId: string, deps: BesideDeps): Promise<void> {
  if (await abortBeside(planId, deps)) return;
  await dropLeft(planId, new TableAccess(deps.state, deps.collection), deps);
}
