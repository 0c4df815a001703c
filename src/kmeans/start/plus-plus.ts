import type { Block } from "../arena.ts";
import { type Centroids, makeCentroids, setToRow } from "../centroids.ts";
import type { Rng } from "../../runtime.ts";
import type { Points } from "../points.ts";

const chunk = 1024;
const infinite = 3.4e38;

/**
 * Greedy k-means++ (Arthur & Vassilvitskii, 2007; the greedy variant of its section 5, as scikit-learn has it): each centroid is the best of
 * 2 + ln k rows that are drawn by their squared distance to the nearest one so far.
 * @param index the rows to choose from
 * @param weights of those rows; absent: all alike
 */
export async function plusPlus(
  points: Points,
  index: Block<Int32Array>,
  centroids: Centroids,
  rng: Rng,
  { weights, onChosen }: { weights?: Float64Array; onChosen?: (count: number) => void } = {},
): Promise<void> {
  const { arena, pool, rows, bytes, bases, metric } = points;
  const items = index.values.length;
  const trials = 2 + Math.floor(Math.log(centroids.count));
  const mark = arena.mark();
  const candidates = makeCentroids(points, trials);
  const chunks = Math.ceil(items / chunk);
  const sums = arena.f64(chunks * trials);
  // Distances left so far, and what each candidate would leave.
  const current = arena.f32(items);
  const columnFloats = Math.ceil(items / 4) * 4;
  const left = arena.f32(trials * columnFloats);
  current.values.fill(infinite);
  const total = new Float64Array(chunks);

  const tryRows = async (chosen: number[]) => {
    for (const [i, item] of chosen.entries()) {
      setToRow(points, candidates, i, index.values[item]!);
      // Under cosine and dot the base is 2‖x‖: nothing is added to it.
      if (metric !== "l2") candidates.squares.values[i] = 0;
    }
    await pool.run("closer", items, chunk, [
      index.at,
      rows.at,
      bytes,
      bases.at,
      candidates.rows.at,
      candidates.squares.at,
      chosen.length,
      current.at,
      left.at,
      columnFloats,
      sums.at,
      chunk,
    ]);
    if (weights) weigh(sums.values, left.values, columnFloats, chosen.length, items, weights);
  };
  /** Goes on with the candidate that leaves least. */
  const keep = (c: number, chosen: readonly number[]) => {
    let winner = 0;
    let least = Infinity;
    for (let i = 0; i < chosen.length; i++) {
      let sum = 0;
      for (let part = 0; part < chunks; part++) sum += sums.values[part * chosen.length + i]!;
      if (sum < least) [least, winner] = [sum, i];
    }
    for (let part = 0; part < chunks; part++) total[part] = sums.values[part * chosen.length + winner]!;
    current.values.set(left.values.subarray(winner * columnFloats, winner * columnFloats + items));
    setToRow(points, centroids, c, index.values[chosen[winner]!]!);
    onChosen?.(c + 1);
  };

  const first = [weights ? drawByWeight(weights, rng) : Math.floor(rng() * items)];
  await tryRows(first);
  keep(0, first);
  for (let c = 1; c < centroids.count; c++) {
    const chosen = Array.from({ length: trials }, () => drawByDistance(current.values, total, items, weights, rng));
    await tryRows(chosen);
    keep(c, chosen);
  }
  arena.release(mark);
}

/** Sums of the chunks anew, each row as often as it weighs. */
function weigh(
  sums: Float64Array,
  left: Float32Array,
  column: number,
  count: number,
  items: number,
  weights: Float64Array,
): void {
  sums.fill(0, 0, Math.ceil(items / chunk) * count);
  for (let c = 0; c < count; c++)
    for (let i = 0; i < items; i++) sums[Math.floor(i / chunk) * count + c]! += left[c * column + i]! * weights[i]!;
}

/** An item, by its share of the distances that are left: first the chunk, then the item in it. */
function drawByDistance(
  current: Float32Array,
  total: Float64Array,
  items: number,
  weights: Float64Array | undefined,
  rng: Rng,
): number {
  let rest = rng() * total.reduce((sum, value) => sum + value, 0);
  let part = 0;
  while (part < total.length - 1 && rest >= total[part]!) rest -= total[part++]!;
  const end = Math.min(items, (part + 1) * chunk);
  for (let i = part * chunk; i < end; i++) {
    rest -= current[i]! * (weights ? weights[i]! : 1);
    if (rest < 0) return i;
  }
  return end - 1;
}

function drawByWeight(weights: Float64Array, rng: Rng): number {
  let rest = rng() * weights.reduce((sum, value) => sum + value, 0);
  return Math.max(
    0,
    weights.findIndex((weight) => (rest -= weight) < 0),
  );
}
