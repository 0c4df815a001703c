import type { ClusterConfig } from "../../config/schema.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import { cellsOf, chooseSpill, readPoints, type FitDeps, type SemanticModel } from "../../kmeans/index.ts";
import { observe } from "../../planning/observe.ts";
import { planSpill, type ExpectedSearch, type Plan } from "../../planning/rebalance-contract.ts";
import { loadHashes } from "../../sharding/hash.ts";
import { stampedRatios } from "../../sharding/spill.ts";
import { makePlanId } from "../../sharding/plan/plan-id.ts";
import type { MaxRate } from "../../sharding/plan/price.ts";
import { formatPercent } from "../../units.ts";
import type { CollectionRows } from "../collection.ts";
import { modelOfTable } from "../table-model.ts";
import type { PlanDeps } from "./make.ts";

/** Where the line for copies near boundaries lies, by a sample. */
export interface SpillLine {
  ratio: number;
  /** Of the points. */
  share: number;
  /** Rows by their cell and second cell; those without a copy by their own cell twice. */
  pairs: { from: number; to: number; points: number }[];
}

/**
 * Draws the line for the cells that a collection has now: nearest to a boundary first, until the budget is used up. Where it keeps copies already, the line
 * stays where it is.
 * @param wanted the share of the points that may be kept twice, and how far a second centroid may be; null: none are to be kept
 * @throws RagctlError exit 2 where the collection has no cells, 7 where no point is near enough, or those kept now are beyond the budget
 */
export async function spillLine(
  collection: CollectionRows,
  wanted: { budget: number; ratio: number } | null,
  deps: FitDeps & { threads: number },
): Promise<SpillLine> {
  const table = collection.table!;
  const model = modelOfTable(table);
  const points = await readPoints(collection, model.metric, undefined, deps);
  try {
    const { cell, second, ratio } = await cellsOf(points, model);
    const now = table.spill?.phase === "on" ? table.spill.ratio : undefined;
    const line = now ?? (wanted ? chooseLine(ratio, wanted, stampedRatios(table)) : 1);
    const near = (row: number) => second[row]! >= 0 && ratio[row]! <= line && (now !== undefined || line > 1);
    const pairs = new Map<string, SpillLine["pairs"][number]>();
    let copies = 0;
    for (const [row, from] of cell.entries()) {
      const to = near(row) ? second[row]! : from;
      copies += to === from ? 0 : 1;
      const pair = pairs.get(`${from} ${to}`);
      if (pair) pair.points++;
      else pairs.set(`${from} ${to}`, { from, to, points: 1 });
    }
    const share = cell.length === 0 ? 0 : copies / cell.length;
    if (wanted) requireFitting(share, wanted, now !== undefined);
    return { ratio: line, share, pairs: [...pairs.values()] };
  } finally {
    await points.pool.close();
  }
}

/** Of what the budget allows, as much as a line that points are stamped by already must use up to be taken. */
const enough = 0.8;

/** Where the line is drawn anew: where it was before, if that is about as good, so that few points need to be stamped. */
function chooseLine(ratios: Float32Array, wanted: { budget: number; ratio: number }, before: readonly number[]): number {
  const fresh = chooseSpill(ratios, wanted);
  const shareAt = (line: number) => ratios.reduce((count, each) => (each <= line ? count + 1 : count), 0) / ratios.length;
  const fits = before.filter((line) => {
    const share = shareAt(line);
    return line <= wanted.ratio && share <= wanted.budget && share >= enough * fresh.share;
  });
  return fits.length > 0 ? Math.max(...fits) : fresh.ratio;
}

/** A sample's share is not quite that of all points. */
const slack = 1.1;

function requireFitting(share: number, { budget, ratio }: { budget: number; ratio: number }, kept: boolean): void {
  if (share === 0)
    throw new RagctlError(
      `No point lies near a boundary: none has a second centroid that is at most ${ratio} times as far as its own, within ${formatPercent(budget)} of all.`,
      { code: "nothing-near", exitCode: ExitCode.refused, hint: "--spill-ratio says how far it may be." },
    );
  if (kept && share > budget * slack)
    throw new RagctlError(`Copies of ${formatPercent(share)} of the points are kept, more than ${formatPercent(budget)}.`, {
      code: "spill-other",
      exitCode: ExitCode.refused,
      hint: "ragctl rebalance plan --spill off ends that; then plan again.",
    });
}

/** The model of a collection's cells, with copies by that line; null: without. */
export function modelWithCopies(collection: CollectionRows, line: Pick<SpillLine, "ratio" | "share"> | null): SemanticModel {
  return { ...modelOfTable(collection.table!), spill: line && { ratio: line.ratio, share: line.share } };
}

export interface SpillPlanRequest {
  cluster: ClusterConfig;
  collection: CollectionRows;
  line: SpillLine;
  /** Whether copies are to be kept. */
  keep: boolean;
  /** Absent: as now; null: all cells. */
  probes?: number | null;
  maxRate: MaxRate;
  expected?: ExpectedSearch;
}

/** The plan that begins or ends copies near boundaries of a live collection. @throws RagctlError exit 2 and 7, as `planSpill` */
export async function makeSpillPlan(
  { cluster, collection, line, keep, probes, maxRate, expected }: SpillPlanRequest,
  { nodes, clock, rng }: PlanDeps,
): Promise<{ plan: Plan; notes: string[] }> {
  await loadHashes();
  const table = collection.table!;
  const observed = await observe(table, nodes);
  const nowMs = clock.nowMs();
  const plan = planSpill({
    planId: makePlanId(nowMs, rng),
    createdAt: new Date(nowMs).toISOString(),
    cluster: cluster.name,
    table,
    unreachable: new Set(observed.unreachable.keys()),
    ratio: keep ? line.ratio : null,
    ...(probes !== undefined && { probes }),
    load: { points: observed.model.points, bytes: observed.model.bytes },
    pairs: line.pairs,
    maxRate,
    ...(expected && { expected }),
  });
  return { plan, notes: observed.notes };
}
