import type { FitDeps } from "../contract.ts";
import { type Centroids, copyCentroids, makeCentroids, measure, setCentroid } from "../centroids.ts";
import { chooseRows, rngFor } from "../choose.ts";
import { makeNearest } from "../nearest.ts";
import type { Points } from "../points.ts";
import { sumByGroup } from "../sums.ts";
import { type Caps, findPrices, type ScoreMatrix } from "./prices.ts";

const mostRounds = 12;
/** A round that makes the inertia better by less than this share is the last. */
const enough = 1e-3;
/** Scores of all rows and cells are held in memory: beyond this, those of as many rows as fit. */
const mostMatrixBytes = 2 ** 29;

export interface Balance {
  /** Whether every cell is within the caps, on the rows that prices were found with. */
  held: boolean;
  rounds: number;
  inertia: number;
}

/**
 * Balanced k-means: cells of at most (1 + ε) × the mean, by rows and by heat. Each round finds prices for the cells (see `findPrices`), and moves centroids to the
 * means of what they then hold. A cell's price goes into the model as its offset: so the cell of a vector stays a function of the vector alone.
 */
export async function balance(
  points: Points,
  centroids: Centroids,
  { epsilon, seed, heat }: { epsilon: number; seed: number; heat?: Float64Array },
  { signal, onProgress }: Pick<FitDeps, "signal" | "onProgress">,
): Promise<Balance> {
  const { arena, pool, count, bases } = points;
  const k = centroids.count;
  const mark = arena.mark();
  const rows = Math.min(count, Math.max(1, Math.floor(mostMatrixBytes / 4 / k)));
  const index = arena.i32(rows);
  index.values.set(chooseRows(count, rows, rngFor(seed, "balance")));
  const matrix: ScoreMatrix = { scores: arena.f32(rows * k), rows, cells: k };
  const nearest = makeNearest(points, rows);
  const kept = makeCentroids(points, k);
  const caps = capsFor(rows, k, epsilon, heat && Float64Array.from(index.values, (row) => heat[row]!));
  let best: Balance | undefined;
  let rounds = 0;
  while (rounds < mostRounds) {
    signal?.throwIfAborted();
    onProgress?.("balance", rounds, mostRounds);
    centroids.offsets.fill(0);
    for (let c = 0; c < k; c++) measure(points, centroids, c);
    const { rows: rowBlock, bytes } = points;
    await pool.run("scores", rows, 512, [
      index.at,
      rowBlock.at,
      bytes,
      centroids.rows.at,
      centroids.bias.at,
      centroids.padded,
      matrix.scores.at,
      k,
    ]);
    const { prices, held } = await findPrices(points, matrix, caps, nearest, signal);
    rounds++;
    const label = nearest.label.values;
    let inertia = 0;
    for (let i = 0; i < rows; i++)
      inertia += Math.max(0, bases.values[index.values[i]!]! + 2 * (nearest.best.values[i]! - prices[label[i]!]!));
    const better = !best || (held && !best.held) || (held === best.held && inertia < best.inertia);
    const much = !best || inertia < best.inertia * (1 - enough);
    if (better) {
      best = { held, rounds, inertia };
      for (let c = 0; c < k; c++) {
        centroids.offsets[c] = 2 * prices[c]!;
        measure(points, centroids, c);
      }
      copyCentroids(points, centroids, kept);
    }
    if (held && !much) break;
    await sumByGroup(
      points,
      rows,
      k,
      (i) => label[i]!,
      (i) => index.values[i]!,
      (c, sum, members) => setCentroid(points, centroids, c, sum, 0, members),
    );
  }
  copyCentroids(points, kept, centroids);
  onProgress?.("balance", mostRounds, mostRounds);
  arena.release(mark);
  return { ...best!, rounds };
}

/** A little below what is allowed: rows on a boundary may fall to either side of it when they are assigned again. */
function capsFor(rows: number, cells: number, epsilon: number, heat: Float64Array | undefined): Caps {
  const mean = rows / cells;
  const allowed = Math.floor(mean * (1 + epsilon));
  const cap = Math.max(Math.ceil(mean), allowed - Math.ceil(mean * Math.min(0.002, epsilon / 10)));
  if (!heat) return { rows: cap };
  const total = heat.reduce((sum, value) => sum + value, 0);
  return { rows: cap, heat: { of: heat, cap: (total / cells) * (1 + epsilon) } };
}
