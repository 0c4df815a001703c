import { ExitCode, RagctlError, usageError } from "../../errors.ts";
import { placementOf } from "../owners.ts";
import { spillFieldOf } from "../spill.ts";
import type { Placement } from "../segments.ts";
import type { RoutingTable, SemanticSpec } from "../table.ts";
import type { Amount, ExpectedSearch, Layout, Plan, PlanStep, SpillCopyStep, SpillEndStep } from "./contract.ts";
import { fingerprintOfTable } from "./fingerprint.ts";
import { layoutOfTable } from "./layout.ts";
import { balanceOf, loadsOf, weightIn, type Load } from "./loads.ts";
import { rebalanceHead } from "./plan-head.ts";
import { defaultMaxRate, secondsAt, sumOf, type MaxRate } from "./price.ts";
import { requireQuiet } from "./transition-request.ts";

/** Points that a backfill stamps a second, for the estimate alone. */
const stampedPerSec = 10_000;

export interface SpillRequest {
  planId: string;
  /** ISO 8601. */
  createdAt: string;
  cluster: string;
  table: RoutingTable;
  unreachable?: ReadonlySet<string>;
  /** Keep copies of points by this ratio; null: keep none any more. */
  ratio: number | null;
  /** What searches ask afterwards; absent: as now; null: all cells. */
  probes?: number | null;
  /** All points, each counted once. */
  load: Amount;
  /** Points by their cell and second cell, of any unit, as a sample has them; those without a copy with their own cell twice. */
  pairs: readonly { from: number; to: number; points: number }[];
  maxRate: MaxRate;
  expected?: ExpectedSearch;
}

/**
 * The plan that begins or ends copies near boundaries (ROUTING.md), from numbers alone. `loadHashes()` must have been awaited.
 * @returns without steps where that is so already
 * @throws RagctlError exit 2 where the collection has no cells, 7 where a node is stale or does not answer, or another plan is under way
 */
export function planSpill(request: SpillRequest): Plan {
  const { table, ratio, load, pairs, maxRate } = request;
  const { partitioner, spill } = table;
  if (partitioner.kind !== "semantic")
    throw usageError([{ message: `collection ${table.collection} is not placed by meaning: there are no boundaries of cells` }], {
      code: "not-semantic",
      hint: "ragctl rebalance plan --model model.json makes a plan to place it by a model's cells.",
    });
  if (ratio === null) requireNothingOpen(table);
  else requireQuiet(request);
  const goesOn = spill?.phase === "ending" && ratio === null;
  if (spill && !goesOn && (spill.phase !== "on" || (ratio !== null && ratio !== spill.ratio)))
    throw new RagctlError(
      spill.phase === "on"
        ? `Collection ${table.collection} keeps copies near boundaries by another ratio, ${spill.ratio.toPrecision(4)}.`
        : `Copies near boundaries of ${table.collection} are half made or half taken away.`,
      {
        code: spill.phase === "on" ? "spill-other" : "plan-in-flight",
        exitCode: ExitCode.refused,
        hint:
          spill.phase === "on"
            ? "ragctl rebalance plan --spill off ends those first."
            : "Finish that plan with ragctl rebalance apply --resume, or undo it with ragctl rebalance reverse.",
      },
    );
  const to = withProbes(partitioner, request.probes);
  const layout: Layout = { ...layoutOfTable({ ...table, partitioner: to }), ...(ratio !== null && { spill: { ratio } }) };
  if (ratio === null) delete layout.spill;
  const placement = placementOf(table);
  const copies = copiesOf(placement, pairs, load);
  const amount = sumOf([...copies.values()]);
  const steps = stepsOf(table, ratio, load, amount);
  const changes = steps.length > 0 || JSON.stringify(to) !== JSON.stringify(partitioner);
  const price = ratio === null || steps.length === 0 ? { points: 0, bytes: 0 } : amount;
  const alone = loadsOf(placement, { ...load, pointsIn: pointsIn(pairs) });
  const both = new Map([...alone].map(([id, one]): [string, Load] => [id, added(one, copies.get(id)!)]));
  const weigh = weightIn(table);
  return {
    ...rebalanceHead(request, table),
    // Where only the number of probed cells changes, nothing moves and no partitioner does.
    ...(steps.length === 0 && { kind: "shard" as const }),
    steps: changes ? [...steps, { id: "settle", kind: "settle", layout }] : [],
    price: {
      ...price,
      movedFraction: load.points > 0 ? price.points / (load.points * table.replicas) : 0,
      primaryChangedFraction: 0,
      minimumFraction: load.points > 0 ? price.points / (load.points * table.replicas) : 0,
      estimatedSeconds:
        steps.length === 0 ? 0 : secondsAt(price, 1, maxRate) + (ratio === null ? 0 : Math.round(load.points / stampedPerSec)),
    },
    before: balanceOf(spill ? both : alone, weigh),
    predicted: balanceOf(ratio === null ? alone : both, weigh),
    ...(request.expected && { expected: request.expected }),
  };
}

/** Copies can be given up whatever the nodes are: what is done for one that is lost must not wait for it. */
function requireNothingOpen(table: RoutingTable): void {
  requireQuiet({ table: { ...table, nodes: {} } });
}

function withProbes(spec: SemanticSpec, probes: number | null | undefined): SemanticSpec {
  if (probes === undefined) return spec;
  const { probes: _now, ...rest } = spec;
  return probes === null ? rest : { ...rest, probes };
}

function stepsOf(table: RoutingTable, ratio: number | null, load: Amount, copies: Amount): PlanStep[] {
  if ((table.spill !== undefined) === (ratio !== null)) return [];
  if (ratio === null) return [{ id: "end", kind: "spill-end", points: copies.points, bytes: copies.bytes }];
  const { name } = spillFieldOf(table, ratio);
  return [
    { id: "stamp", kind: "spill-stamp", ratio },
    { id: "backfill", kind: "backfill", field: name, points: Math.round(load.points), bytes: 0 },
    { id: "copies", kind: "spill-copy", ...copies, copiesDuring: table.replicas },
  ];
}

/** What each node keeps of others' points: of those whose second cell it owns, and their own not. */
function copiesOf(placement: Placement, pairs: SpillRequest["pairs"], load: Amount): Map<string, Amount> {
  const all = pairs.reduce((sum, { points }) => sum + points, 0) || 1;
  const copies = new Map(placement.members.map((id): [string, Amount] => [id, { points: 0, bytes: 0 }]));
  for (const { from, to, points } of pairs) {
    const own = placement.ownersOfHash(from);
    for (const id of placement.ownersOfHash(to)) {
      if (own.includes(id)) continue;
      const mine = copies.get(id)!;
      mine.points += (points / all) * load.points;
      mine.bytes += (points / all) * load.bytes;
    }
  }
  return new Map([...copies].map(([id, { points, bytes }]) => [id, { points: Math.round(points), bytes: Math.round(bytes) }]));
}

function pointsIn(pairs: SpillRequest["pairs"]): (lo: number, hi: number) => number {
  const all = pairs.reduce((sum, { points }) => sum + points, 0) || 1;
  return (lo, hi) => pairs.reduce((sum, { from, points }) => (from >= lo && from < hi ? sum + points / all : sum), 0);
}

/**
 * The plan that undoes one that began or ended copies near boundaries, wherever it stands. Pure.
 * @param table as it is
 */
export function unspillPlan(plan: Plan, table: RoutingTable, about: { planId: string; createdAt: string }): Plan {
  const { partitioner, spill: kept } = plan.fingerprint;
  const { spill, moves } = table;
  const ratio = kept?.ratio ?? null;
  // What is half done counts as done: it is given up, or made good, from there.
  const done: RoutingTable = { ...table, moves: moves.filter(({ repair }) => repair) };
  if (spill && spill.phase !== "on") {
    if (spill.phase === "ending" && ratio !== null) delete done.spill;
    else done.spill = { ...spill, phase: "on" };
  }
  const amount = plan.steps.reduce((sum, step) => (isCopies(step) ? { points: step.points, bytes: step.bytes } : sum), {
    points: 0,
    bytes: 0,
  });
  // Without copies: of each point as many as there are replicas.
  const alone = (isCopyPlan(plan) ? plan.before : plan.predicted).nodes;
  const all = sumOf(alone);
  const made = planSpill({
    ...about,
    cluster: plan.cluster,
    table: done,
    ratio,
    probes: partitioner.kind === "semantic" ? (partitioner.probes ?? null) : null,
    load: { points: all.points / table.replicas, bytes: all.bytes / table.replicas },
    pairs: [],
    maxRate: defaultMaxRate,
  });
  const movedFraction = all.points > 0 ? amount.points / all.points : 0;
  return {
    ...made,
    fingerprint: fingerprintOfTable(table),
    steps: made.steps.map((step) => (isCopies(step) ? { ...step, ...amount } : step)),
    price:
      ratio === null
        ? made.price
        : {
            ...made.price,
            ...amount,
            movedFraction,
            minimumFraction: movedFraction,
            estimatedSeconds: made.price.estimatedSeconds + secondsAt(amount, 0, defaultMaxRate),
          },
    before: plan.predicted,
    predicted: plan.before,
    reverses: plan.planId,
  };
}

function isCopyPlan({ steps }: Plan): boolean {
  return steps.some(({ kind }) => kind === "spill-copy");
}

function isCopies(step: PlanStep): step is SpillCopyStep | SpillEndStep {
  return step.kind === "spill-copy" || step.kind === "spill-end";
}

function added(load: Load, { points, bytes }: Amount): Load {
  return { ...load, points: load.points + points, bytes: load.bytes + bytes };
}
