import { ExitCode, RagctlError } from "../../errors.ts";
import { formatPercent } from "../../units.ts";
import { movement, type Movement } from "../movement.ts";
import type { Placement } from "../segments.ts";
import type { NodeState } from "../table.ts";
import { fillOf, type BalanceGoal, type Capacity } from "./balance.ts";
import { placedLayout } from "./cell-layout.ts";
import type { Amount, CopyStep, Layout, Plan, PlanStep } from "./contract.ts";
import { fingerprintOfTable } from "./fingerprint.ts";
import { changedLayout, isGradual, partialLayout, placementOfLayout, type LayoutChanges } from "./layout.ts";
import { balanceOf, dimensions, loadsOf, type Load, type LoadModel } from "./loads.ts";
import { secondsAt, sumOf, type MaxRate } from "./price.ts";
import { copySteps } from "./steps.ts";

export interface PlanRequest {
  planId: string;
  /** ISO 8601. */
  createdAt: string;
  cluster: string;
  collection: string;
  offline: boolean;
  /** Members and how they are placed now; zones, weights and urls by node. */
  layout: Layout;
  /** Of the members; serving unless given. */
  states?: Readonly<Record<string, NodeState>>;
  /** Members that do not answer: nothing is copied from them or to them. */
  unreachable?: ReadonlySet<string>;
  changes: LayoutChanges;
  model: LoadModel;
  /** What each node was found to hold, where it could be counted; points and bytes. */
  measured?: ReadonlyMap<string, Amount>;
  /** What a node should bear relative to the others; its weight unless given. */
  intended?: Readonly<Record<string, number>>;
  capacities?: ReadonlyMap<string, Capacity>;
  /** Adjust weights until the limit holds. */
  balance?: BalanceGoal["by"];
  /** Largest ÷ mean that counts as balanced. */
  limit: number;
  maxMoves?: number;
  maxBytes?: number;
  maxRate: MaxRate;
}

export interface PlanDraft {
  plan: Plan;
  movement: Movement;
  /** Where it all leads to, were there no limit on moves and bytes. */
  wanted: Layout;
  /** The part of the way that this plan goes, [0, 1]. */
  part: number;
  /** How many times weights were adjusted, and whether that did it. */
  balancing?: { iterations: number; reached: boolean };
}

/**
 * Makes a plan for a routed collection, from numbers alone. `loadHashes()` must have been awaited.
 * @throws RagctlError exit 2 for changes that make no sense, 7 for those that would lose points, fill a node over its capacity, or
 * write to a node that must not be written to
 */
export function buildPlan(request: PlanRequest): PlanDraft {
  const { layout, changes, model, limit, intended = {}, capacities = new Map() } = request;
  const target = changedLayout(layout, changes);
  const should = (id: string) =>
    intended[id] ?? changes.weights?.[id] ?? target.nodes[id]?.weight ?? layout.nodes[id]?.weight ?? 1;
  const { layout: wanted, balanced } = placedLayout(layout, target, {
    model,
    balance: request.balance,
    goal: { limit, intended: should, capacities },
    unfit: (id) => request.states?.[id] === "stale" || request.unreachable?.has(id) === true,
  });
  const before = placementOfLayout(layout);
  const readable = (id: string) => isReadable(request, id);
  const attempt = (after: Layout): Attempt => {
    const placement = placementOfLayout(after);
    const moves = movement(before, placement, { serves: readable, ...(model.pointsIn && { weigh: model.pointsIn }) });
    return { layout: after, placement, movement: moves, steps: copySteps(moves, placement, model) };
  };
  const { part, attempt: chosen } = within(request, wanted, attempt);
  requireSources(chosen, request);
  requireTargets(chosen.steps, request);

  const priceOf = sumOf(chosen.steps);
  const beforeLoads = loadsOf(before, model);
  const afterLoads = loadsOf(chosen.placement, model);
  const found = measuredLoads(beforeLoads, request.measured);
  const predicted = new Map(
    [...afterLoads].map(([id, load]) => [id, shifted(found.get(id), load, beforeLoads.get(id))] as const),
  );
  requireRoom(predicted, found, capacities, model);
  const changed = fingerprintOfTable(layout).digest !== fingerprintOfTable(chosen.layout).digest;
  const steps: PlanStep[] = changed ? [...chosen.steps, { id: "settle", kind: "settle", layout: chosen.layout }] : [];
  const { movedFraction, primaryChangedFraction, minimumFraction } = chosen.movement;
  const plan: Plan = {
    schemaVersion: 1,
    kind: "shard",
    planId: request.planId,
    createdAt: request.createdAt,
    cluster: request.cluster,
    topology: "routed",
    collection: request.collection,
    offline: request.offline,
    fingerprint: fingerprintOfTable(layout),
    steps,
    price: {
      ...priceOf,
      movedFraction,
      primaryChangedFraction,
      minimumFraction,
      estimatedSeconds: steps.length === 0 ? 0 : secondsAt(priceOf, chosen.steps.length, request.maxRate),
    },
    before: balanceOf(found, should, model.queriesPerSec),
    predicted: balanceOf(predicted, should, model.queriesPerSec),
  };
  // A part so small that no weight changed is none of the way.
  const draft: PlanDraft = { plan, movement: chosen.movement, wanted, part: part < 1 && !changed ? 0 : part };
  if (balanced) draft.balancing = { iterations: balanced.iterations, reached: balanced.reached };
  return draft;
}

interface Attempt {
  layout: Layout;
  placement: Placement;
  movement: Movement;
  steps: CopyStep[];
}

/** Halvings of the way in search of the longest part that keeps to the limits: finer than a virtual node. */
const halvings = 14;

/** The longest part of the way whose moves and bytes keep to the limits. */
function within(
  { layout, maxMoves = Infinity, maxBytes = Infinity }: PlanRequest,
  wanted: Layout,
  attempt: (layout: Layout) => Attempt,
): { part: number; attempt: Attempt } {
  const fits = ({ steps }: Attempt) => steps.length <= maxMoves && sumOf(steps).bytes <= maxBytes;
  const whole = attempt(wanted);
  if (fits(whole)) return { part: 1, attempt: whole };
  if (!isGradual(layout, wanted))
    throw new RagctlError(
      `A change of replicas or of the ring cannot be made in part, and the whole takes ${whole.steps.length} moves and ${sumOf(whole.steps).bytes} bytes.`,
      {
        code: "plan-over-limit",
        exitCode: ExitCode.refused,
        hint: "Raise --max-moves or --max-bytes; apply can be stopped and resumed between steps.",
      },
    );
  let best = { part: 0, attempt: attempt(layout) };
  let low = 0;
  let high = 1;
  for (let i = 0; i < halvings; i++) {
    const part = (low + high) / 2;
    const tried = attempt(partialLayout(layout, wanted, part));
    if (fits(tried)) best = { part: (low = part), attempt: tried };
    else high = part;
  }
  return best;
}

function isReadable({ states = {}, unreachable }: PlanRequest, id: string): boolean {
  const state = states[id] ?? "serving";
  return (state === "serving" || state === "leaving") && !unreachable?.has(id);
}

function requireSources({ movement: { lostShare } }: Attempt, request: PlanRequest): void {
  if (lostShare === 0) return;
  const away = request.layout.members.filter((id) => !isReadable(request, id));
  throw new RagctlError(
    `${formatPercent(lostShare)} of the points are on no node that can be read: ${away.join(", ")} ${away.length === 1 ? "is" : "are"} stale or silent, and no other node has them.`,
    {
      code: "no-source",
      exitCode: ExitCode.refused,
      hint: "Bring a node that has them back (ragctl shard repair, where it is stale), and plan again.",
    },
  );
}

function requireTargets(steps: readonly CopyStep[], { states = {}, unreachable }: PlanRequest): void {
  const unfit = [...new Set(steps.map(({ to }) => to))].filter((id) => states[id] === "stale" || unreachable?.has(id));
  if (unfit.length === 0) return;
  throw new RagctlError(
    `Points would have to be copied to ${unfit.join(", ")}, which ${unfit.length === 1 ? "is" : "are"} stale or ${unfit.length === 1 ? "does" : "do"} not answer.`,
    {
      code: "target-unfit",
      exitCode: ExitCode.refused,
      hint: `ragctl shard repair, once it answers; or --remove ${unfit[0]} where it is gone for good.`,
    },
  );
}

function requireRoom(
  predicted: ReadonlyMap<string, Load>,
  before: ReadonlyMap<string, Load>,
  capacities: ReadonlyMap<string, Capacity>,
  model: LoadModel,
): void {
  const full = [...predicted].flatMap(([id, load]) =>
    dimensions.flatMap((dimension) => {
      const fill = fillOf(load, dimension, capacities.get(id), model);
      const had = fillOf(before.get(id) ?? { points: 0, bytes: 0, heat: 0 }, dimension, capacities.get(id), model);
      // A node that is too full already may become less so.
      return fill !== undefined && fill > 1 && fill > (had ?? 0)
        ? [`${id} to ${formatPercent(fill)} of its capacity in ${dimension}`]
        : [];
    }),
  );
  if (full.length === 0) return;
  throw new RagctlError(`The plan would fill ${full.join(", ")}.`, {
    code: "over-capacity",
    exitCode: ExitCode.refused,
    hint: "Add another node, or --balance all, which keeps to capacities where it can.",
  });
}

/** Loads as found, where they were counted; as the placement says, elsewhere. */
function measuredLoads(model: ReadonlyMap<string, Load>, measured: PlanRequest["measured"]): Map<string, Load> {
  return new Map([...model].map(([id, load]) => [id, { ...load, ...measured?.get(id) }]));
}

/** What was found, changed by as much as the placements differ: a node of which nothing moves keeps its count. */
function shifted(found: Load | undefined, after: Load, before: Load | undefined): Load {
  if (!found || !before) return after;
  const shift = (dimension: "points" | "bytes") => Math.max(0, found[dimension] + after[dimension] - before[dimension]);
  return { points: shift("points"), bytes: shift("bytes"), heat: after.heat };
}
