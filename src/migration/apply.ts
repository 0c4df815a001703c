import { ExitCode, RagctlError } from "../errors.ts";
import { replacedBy } from "../sharding/moves.ts";
import type { CopyStep, Layout, Plan } from "../sharding/plan/contract.ts";
import { dropChange } from "../sharding/partitioner-change.ts";
import { endPause, dropMove } from "../sharding/transitions.ts";
import { allConfirmed } from "./confirm.ts";
import type { MoverDeps } from "./contract.ts";
import { beginPlan, cancelLeaving, leavingOf, settlePlan } from "./layout.ts";
import { isOfPlan, isOfStep, newMoveId, settleOf } from "./plan-state.ts";
import { selectorsShare } from "./positions.ts";
import { cleanToTheEnd, sweep } from "./sweep.ts";
import { TableAccess, together } from "./table.ts";
import { dropHolds } from "./verify-repair.ts";
import type { CopyJob } from "./copy-job.ts";
import type { Layouts } from "./beside/layouts.ts";
import { TrackedCopy } from "./tracked-copy.ts";
import { halfDone, isFull } from "./trouble.ts";

export interface ApplyDeps extends MoverDeps {
  /** Makes sure that a target has the collection, with the indexes that selectors need. */
  prepareNode: (id: string, url: string) => Promise<void>;
  /** Second collections on the nodes, for plans that build a layout beside the one that serves. */
  layouts: Layouts;
  /** No further step begins once it aborts. */
  soft: AbortSignal;
  /** Moves at once, where they do not share points. */
  concurrency: number;
  onStep: (step: string, phase: "start" | "end") => void;
}

export interface ApplyOutcome {
  stepsDone: number;
  epoch: number;
  /** False: stopped between steps, as asked. */
  finished: boolean;
}

/**
 * Executes a routed plan from wherever it stands: every step is found in the table as it was left. The caller holds the cluster's lock
 * and has checked the plan's fingerprint.
 * @throws RagctlError exit 5 where it stops half done, 7 where a step is refused
 */
export async function applyPlan(plan: Plan, deps: ApplyDeps): Promise<ApplyOutcome> {
  const { journal, clock } = deps;
  const beganMs = clock.nowMs();
  const table = new TableAccess(deps.state, deps.collection, deps.physical);
  const layout = layoutOf(plan);
  if (!layout) return { stepsDone: 0, epoch: (await table.read()).table.epoch, finished: true };
  const begun = (await table.read()).table.moves.some((move) => isOfPlan(move, plan.planId));
  if (plan.reverses !== undefined && !begun) await abortPlan(plan.reverses, deps);
  journal.record("begin", "start");
  await table.change((now, routing) => together(now, routing, [dropHolds, (each) => beginPlan(each, layout)]));
  const copies = plan.steps.filter((step): step is CopyStep => step.kind === "copy");
  const { nodes } = (await table.read()).table;
  for (const to of new Set(copies.map((step) => step.to))) await patiently(deps, () => deps.prepareNode(to, nodes[to]!.url));
  journal.record("begin", "end");
  const leaves = leavingOf(plan, layout);
  const share = (a: CopyStep, b: CopyStep) => selectorsShare(a.selector, b.selector);
  const stepsDone = await runSteps(copies, deps, share, (step, inner) => new TrackedCopy(jobOf(plan, step, leaves), inner).run());
  if (stepsDone < copies.length) {
    const { epoch } = (await table.read()).table;
    return { stepsDone, epoch, finished: false };
  }
  await settled(deps, beganMs);
  journal.record("settle", "start");
  deps.fence.ensure();
  const { outcome, routing } = await table.change((now) => settlePlan(now, layout, plan.reverses !== undefined));
  if (typeof outcome === "object")
    throw new RagctlError(`The plan's moves do not add up to its layout: ${outcome.refused}.`, {
      code: "settle-refused",
      exitCode: ExitCode.refused,
      hint: "ragctl shard reverse undoes what was moved.",
    });
  journal.record("settle", "end", { epoch: routing.table.epoch });
  return { stepsDone: plan.steps.length, epoch: routing.table.epoch, finished: true };
}

/** Deletes of an earlier mover may still be on their way to what it cleaned: they land before the lock is free for the next plan. */
export async function settled({ unclean, clock, requestTimeoutMs, signal }: MoverDeps, beganMs: number): Promise<void> {
  if (unclean) await clock.sleep(Math.max(0, beganMs + requestTimeoutMs + settleSlackMs - clock.nowMs()), signal);
}

const retryEveryMs = 500;
const settleSlackMs = 500;

/** Tries again, for as long as the mover waits for anything, what may be done twice and met a node that does not answer. */
export async function patiently<T>({ clock, signal, patienceMs }: MoverDeps, work: () => Promise<T>): Promise<T> {
  const untilMs = clock.nowMs() + patienceMs;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      const passing = error instanceof RagctlError && error.exitCode === ExitCode.unreachable && !isFull(error);
      if (!passing || clock.nowMs() >= untilMs) throw error;
      await clock.sleep(retryEveryMs, signal);
    }
  }
}

/** A plan's end; undefined where it has nothing to do. */
export function layoutOf(plan: Plan): Layout | undefined {
  return settleOf(plan)?.layout;
}

function jobOf(plan: Plan, step: CopyStep, leaves: ReadonlySet<string>): CopyJob {
  return {
    name: step.id,
    to: step.to,
    from: step.from,
    replaces: step.replaces,
    repair: false,
    leaves: (id) => leaves.has(id),
    selector: () => step.selector,
    owns: (move) => isOfStep(move, plan.planId, step.id),
    newId: (table) => newMoveId(plan.planId, step.id, table),
  };
}

/** Runs steps in their order, several at once where they share no points. @returns how many ended; fewer than all where `soft` aborted */
export async function runSteps<S extends { id: string }>(
  steps: readonly S[],
  deps: ApplyDeps,
  share: (a: S, b: S) => boolean,
  run: (step: S, deps: MoverDeps) => Promise<void>,
): Promise<number> {
  const failing = new AbortController();
  const inner: MoverDeps = { ...deps, signal: AbortSignal.any([deps.signal, failing.signal]) };
  const waiting = [...steps];
  const running = new Map<S, Promise<void>>();
  const failures: unknown[] = [];
  let done = 0;
  const startable = () =>
    waiting.find((step) => {
      const before = [...running.keys(), ...waiting.slice(0, waiting.indexOf(step))];
      return !before.some((other) => share(other, step));
    });
  for (;;) {
    while (failures.length === 0 && !deps.soft.aborted && running.size < deps.concurrency) {
      const step = startable();
      if (!step) break;
      waiting.splice(waiting.indexOf(step), 1);
      deps.onStep(step.id, "start");
      running.set(
        step,
        run(step, inner)
          .then(
            () => {
              done++;
              deps.onStep(step.id, "end");
            },
            (error: unknown) => {
              failures.push(error);
              failing.abort(error);
            },
          )
          .finally(() => running.delete(step)),
      );
    }
    if (running.size === 0) break;
    await Promise.race(running.values());
  }
  if (failures.length > 0) throw failures[0];
  return done;
}

/**
 * Takes back what of a plan has not been cut over: its open moves leave the table, and what was copied for them is deleted. What has been
 * cut over stays (`shard reverse` moves it back).
 * @param options `keepChange`: a change of partitioner of which nothing has moved stays in the table
 * @returns how many moves were taken back, and how many stay
 */
export async function abortPlan(
  planId: string,
  deps: MoverDeps,
  { keepChange = false } = {},
): Promise<{ aborted: number; cutOver: number; epoch: number }> {
  const table = new TableAccess(deps.state, deps.collection, deps.physical);
  const mine = (await table.read()).table.moves.filter((move) => isOfPlan(move, planId));
  const open = mine.filter(({ phase }) => phase !== "cutover");
  deps.journal.record("abort", "start", { moves: open.map(({ id }) => id) });
  const { outcome, routing } = await table.change((now, compiled) =>
    together(now, compiled, [
      ...open.map(
        ({ id, pause }) =>
          (each: typeof now) =>
            endPause(each, id, pause),
      ),
      ...open.map(
        ({ id }) =>
          (each: typeof now) =>
            dropMove(each, id),
      ),
      (each) => (open.length === mine.length ? cancelLeaving(each) : "unchanged"),
    ]),
  );
  if (typeof outcome === "object") throw halfDone(`The plan cannot be aborted now: ${outcome.refused}.`, "abort-refused");
  // From here on nobody logs for these moves, and no mover of theirs writes any more.
  await allConfirmed(deps, routing.table.epoch);
  for (const move of open) {
    await deps.state.dropTouched(deps.collection, move.log ?? move.id);
    if (move.from !== move.to)
      await cleanToTheEnd(table, deps, {
        node: move.to,
        selector: move.selector,
        into: move.into,
        leaves: false,
        name: `abort ${move.id}`,
      });
  }
  // A mover that died between cut-over and cleaning left the source as it was.
  for (const move of mine.filter(({ phase }) => phase === "cutover")) {
    const gone = replacedBy(move);
    if (gone !== undefined)
      await cleanToTheEnd(table, deps, { node: gone, selector: move.selector, leaves: true, name: `abort ${move.id}` });
  }
  // Nothing has moved: the change of partitioner has never been.
  const nothingMoved = !keepChange && (await table.read()).table.transition?.moved.length === 0;
  // An earlier run of this may have died in the middle.
  if (nothingMoved) await sweep(deps);
  const { outcome: dropped, routing: after } = await table.change((now) => (nothingMoved ? dropChange(now) : "unchanged"));
  if (typeof dropped === "object") throw halfDone(`The plan cannot be aborted now: ${dropped.refused}.`, "abort-refused");
  deps.journal.record("abort", "end");
  return { aborted: open.length, cutOver: mine.length - open.length, epoch: after.table.epoch };
}
