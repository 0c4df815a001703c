import type { CompareWindow, RunSeries } from "./series.ts";

/** Longer series are merged down to at most this many windows a run, so that the work does not grow with a run's length. */
const maxWindows = 240;

/**
 * The windows of run A and then those of run B as one table of cumulative counts, made for asking percentiles of any weighting of
 * windows. `cumulative[v * windows + w]` is how many operations of window w took at most `valuesUs[v]`, `logSums` the sum of
 * their logarithms. Operations that failed, timed out or were dropped are in `totals` alone: they rank above every value.
 */
export interface WindowTable {
  windows: number;
  /** The windows of A are 0 … split − 1, those of B the rest. */
  split: number;
  valuesUs: Float64Array;
  cumulative: Float64Array;
  logSums: Float64Array;
  /** Per window: operations scheduled, ok, failed or dropped; its length; queries with known truth and their recalls. */
  totals: Float64Array;
  ok: Float64Array;
  failed: Float64Array;
  spanMs: Float64Array;
  recallN: Float64Array;
  recallSum: Float64Array;
  /** Where the last search ended: a hint, never part of a result. */
  lastRow: Uint32Array;
}

/** Builds the table of two runs; adjacent windows are merged where there are more than `limit`. */
export function windowTable(a: RunSeries, b: RunSeries, limit = maxWindows): WindowTable {
  const groups = [...grouped(a, limit), ...grouped(b, limit)];
  const windows = groups.length;
  const valuesUs = support([...a.windows, ...b.windows]);
  const rowOf = new Map<number, number>();
  valuesUs.forEach((value, row) => rowOf.set(value, row));
  const cumulative = new Float64Array(valuesUs.length * windows);
  const column = () => new Float64Array(windows);
  const columns = {
    totals: column(),
    ok: column(),
    failed: column(),
    spanMs: column(),
    recallN: column(),
    recallSum: column(),
  };
  for (const [at, group] of groups.entries()) {
    columns.spanMs[at] = group.spanMs;
    for (const { counts, latencyUs, recall } of group.windows) {
      let recorded = 0;
      for (let i = 0; i < latencyUs.values.length; i++) {
        cumulative[rowOf.get(latencyUs.values[i]!)! * windows + at]! += latencyUs.counts[i]!;
        recorded += latencyUs.counts[i]!;
      }
      columns.ok[at]! += recorded;
      columns.failed[at]! += counts.errors + counts.dropped;
      columns.totals[at]! += recorded + counts.errors + counts.dropped;
      columns.recallN[at]! += recall?.n ?? 0;
      columns.recallSum[at]! += recall?.sum ?? 0;
    }
  }
  const logSums = new Float64Array(cumulative.length);
  for (let i = 0; i < cumulative.length; i++)
    logSums[i] = cumulative[i]! * Math.log(Math.max(0.5, valuesUs[Math.floor(i / windows)]!));
  for (let i = windows; i < cumulative.length; i++) {
    cumulative[i]! += cumulative[i - windows]!;
    logSums[i]! += logSums[i - windows]!;
  }
  return { windows, split: grouped(a, limit).length, valuesUs, cumulative, logSums, ...columns, lastRow: new Uint32Array(1) };
}

function grouped(run: RunSeries, limit: number): { windows: readonly CompareWindow[]; spanMs: number }[] {
  const size = Math.max(1, Math.ceil(run.windows.length / limit));
  return Array.from({ length: Math.ceil(run.windows.length / size) }, (_, index) => {
    const windows = run.windows.slice(index * size, (index + 1) * size);
    const endMs = Math.min(run.durationMs, windows.at(-1)!.startMs + run.windowMs);
    return { windows, spanMs: Math.max(1, endMs - windows[0]!.startMs) };
  });
}

function support(windows: readonly CompareWindow[]): Float64Array {
  const seen = new Set<number>();
  for (const { latencyUs } of windows) for (let i = 0; i < latencyUs.values.length; i++) seen.add(latencyUs.values[i]!);
  return Float64Array.from(seen).sort();
}

/** Σ values[offset + w] × weights[w] over the table's windows. */
export function dot(values: Float64Array, weights: Float64Array, offset = 0): number {
  let sum = 0;
  for (let w = 0; w < weights.length; w++) sum += values[offset + w]! * weights[w]!;
  return sum;
}

/**
 * The row of `valuesUs` that holds the operation of that rank (from 1), or −1 where it never succeeded. Gallops from where the
 * last search ended: resamples of one run have nearly the same percentile.
 */
function rowOfRank(table: WindowTable, weights: Float64Array, rank: number): number {
  const { windows, cumulative, lastRow } = table;
  const last = table.valuesUs.length - 1;
  const reaches = (row: number) => dot(cumulative, weights, row * windows) >= rank;
  if (last < 0 || !reaches(last)) return -1;
  let low = Math.min(last, lastRow[0]!);
  let high = low;
  let step = 1;
  if (reaches(low)) {
    while (low > 0 && reaches((low = Math.max(0, high - step)))) [high, step] = [low, step * 2];
  } else {
    while (!reaches((high = Math.min(last, low + step)))) [low, step] = [high, step * 2];
  }
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (reaches(middle)) high = middle;
    else low = middle + 1;
  }
  lastRow[0] = low;
  return low;
}

// The slack keeps 0.99 × 1,000 at rank 990 in spite of rounding.
const rankOf = (p: number, total: number) => Math.max(1, Math.ceil(p * total - 1e-9));

/**
 * The value that a fraction `p` of all scheduled operations stay at or below, window w counted `weights[w]` times.
 * @returns µs, or Infinity where that rank belongs to an operation that never succeeded
 */
export function percentileUs(table: WindowTable, weights: Float64Array, p: number): number {
  const row = rowOfRank(table, weights, rankOf(p, dot(table.totals, weights)));
  return row < 0 ? Infinity : table.valuesUs[row]!;
}

/** Geometric mean of the faster half of all scheduled operations, µs; Infinity where less than half succeeded. */
export function fasterHalfUs(table: WindowTable, weights: Float64Array): number {
  const rank = rankOf(0.5, dot(table.totals, weights));
  const row = rowOfRank(table, weights, rank);
  if (row < 0) return Infinity;
  const offset = (row - 1) * table.windows;
  const below = row === 0 ? 0 : dot(table.cumulative, weights, offset);
  const logBelow = row === 0 ? 0 : dot(table.logSums, weights, offset);
  return Math.exp((logBelow + (rank - below) * Math.log(Math.max(0.5, table.valuesUs[row]!))) / rank);
}
