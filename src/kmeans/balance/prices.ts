import type { Block } from "../arena.ts";
import type { Nearest } from "../nearest.ts";
import { enoughMisfit, lookAt, newtonStep } from "./newton.ts";
import type { Points } from "../points.ts";

/** What no cell may exceed: rows, and where they are known the sum of the rows' heat. */
export interface Caps {
  rows: number;
  heat?: { of: Float64Array; cap: number };
}

/** Scores of rows and centroids, without prices. */
export interface ScoreMatrix {
  scores: Block<Float32Array>;
  rows: number;
  cells: number;
}

/** Steps for all cells together, and then of cells that are still too full. */
const mostSteps = 80;
const mostRaises = 60;

/**
 * Prices of cells under which every row, going where score + price is least, keeps every cell within its caps: the dual of the assignment problem with
 * capacities. All prices move together, by Newton's method on how many rows lie near each boundary (as Kitagawa, Mérigot & Thibert, "Convergence of a Newton
 * algorithm for semi-discrete optimal transport", JEMS 2019): full neighbours would otherwise outbid each other in ever smaller steps. What is still too full at the
 * end raises its own price until the rows that are nearest to leaving have left, as in an auction (Bertsekas 1988).
 * @param nearest is left as the assignment under these prices
 * @returns the prices, in units of scores, and whether all caps hold
 */
export async function findPrices(
  { arena, pool }: Points,
  { scores, rows, cells }: ScoreMatrix,
  caps: Caps,
  nearest: Nearest,
  signal?: AbortSignal,
): Promise<{ prices: Float32Array; held: boolean; rounds: number }> {
  const mark = arena.mark();
  const prices = arena.f32(cells);
  prices.values.fill(0);
  const index = arena.i32(rows);
  const price = (items: number, all: boolean) =>
    pool.run("cheapest", items, 2048, [
      all ? 0 : index.at,
      scores.at,
      cells,
      prices.at,
      cells,
      nearest.label.at,
      nearest.best.at,
      nearest.other.at,
      nearest.second.at,
    ]);
  const aim = within(caps, rows, cells);
  let rounds = 0;
  let damping = 1;
  let least = Infinity;
  let before = prices.values.slice();
  for (; rounds < mostSteps; rounds++) {
    signal?.throwIfAborted();
    await price(rows, true);
    const state = lookAt(nearest, rows, cells, aim, prices.values);
    if (state.misfit > least) {
      // Too far: back, and half as far.
      damping /= 2;
      if (damping < 1 / 64) break;
      for (let c = 0; c < cells; c++) prices.values[c] = (prices.values[c]! + before[c]!) / 2;
      continue;
    }
    least = state.misfit;
    if (state.misfit <= enoughMisfit * rows && overfull(nearest.label.values, rows, cells, caps).size === 0) break;
    damping = Math.min(1, damping * 2);
    before = prices.values.slice();
    const change = newtonStep(state, prices.values);
    for (let c = 0; c < cells; c++) prices.values[c] = Math.max(0, prices.values[c]! + damping * change[c]!);
  }
  const held = await raiseUntilHeld(prices.values, index, price, { rows, cells }, caps, nearest, signal);
  const found = prices.values.slice();
  arena.release(mark);
  return { prices: found, held, rounds };
}

/** Caps a little below what is allowed, so that coming close to them is enough. */
function within({ rows: cap, heat }: Caps, rows: number, cells: number): Caps {
  const between = (mean: number, cap: number) => mean + 0.9 * (cap - mean);
  const total = heat ? heat.of.reduce((sum, value) => sum + value, 0) : 0;
  return {
    rows: between(rows / cells, cap),
    ...(heat && { heat: { of: heat.of, cap: between(total / cells, heat.cap) } }),
  };
}

/** Cells that are still too full raise their own prices, one step after the other. @returns whether none is too full any more */
async function raiseUntilHeld(
  prices: Float32Array,
  index: Block<Int32Array>,
  price: (items: number, all: boolean) => Promise<void>,
  { rows, cells }: { rows: number; cells: number },
  caps: Caps,
  nearest: Nearest,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  await price(rows, true);
  const step = typicalMargin(nearest, rows) / 256;
  const raised = new Int32Array(cells);
  for (let round = 0; round < mostRaises; round++) {
    signal?.throwIfAborted();
    const over = overfull(nearest.label.values, rows, cells, caps);
    if (over.size === 0) return true;
    let items = 0;
    for (const [cell, members] of over) {
      const margins = new Float32Array(members.length);
      for (const [i, row] of members.entries()) margins[i] = nearest.second.values[row]! - nearest.best.values[row]!;
      const extra = step * 1.2 ** Math.min(30, raised[cell]!++);
      prices[cell]! += justAbove(marginToLeave(members, margins, caps) + extra, prices[cell]!);
      index.values.set(members, items);
      items += members.length;
    }
    await price(items, false);
  }
  return overfull(nearest.label.values, rows, cells, caps).size === 0;
}

/** By how much the second cell is usually worse. */
function typicalMargin({ best, second }: Nearest, rows: number): number {
  let sum = 0;
  for (let i = 0; i < rows; i++) sum += Math.min(1e30, second.values[i]! - best.values[i]!);
  return sum / rows;
}

/** The rows of each cell that has too many of them, or too hot ones. */
function overfull(label: Int32Array, rows: number, cells: number, { rows: cap, heat }: Caps): Map<number, Int32Array> {
  const sizes = new Int32Array(cells);
  const heats = new Float64Array(cells);
  for (let i = 0; i < rows; i++) {
    sizes[label[i]!]!++;
    if (heat) heats[label[i]!]! += heat.of[i]!;
  }
  const over = new Map<number, Int32Array>();
  const filled = new Map<number, number>();
  for (let c = 0; c < cells; c++)
    // A single row, however hot, has to be somewhere.
    if (sizes[c]! > cap || (heat && heats[c]! > heat.cap && sizes[c]! > 1)) {
      over.set(c, new Int32Array(sizes[c]!));
      filled.set(c, 0);
    }
  if (over.size === 0) return over;
  for (let i = 0; i < rows; i++) {
    const members = over.get(label[i]!);
    if (!members) continue;
    const at = filled.get(label[i]!)!;
    members[at] = i;
    filled.set(label[i]!, at + 1);
  }
  return over;
}

/** The margin up to which rows must leave, the nearest to leaving first, for the rest to be within the caps. */
function marginToLeave(members: Int32Array, margins: Float32Array, { rows: cap, heat }: Caps): number {
  if (!heat) return margins.sort()[members.length - cap - 1]!;
  const order = Array.from(margins.keys()).sort((a, b) => margins[a]! - margins[b]!);
  let size = members.length;
  let hot = 0;
  for (const row of members) hot += heat.of[row]!;
  let last = 0;
  for (const i of order) {
    if (size <= Math.max(1, cap) && hot <= heat.cap) break;
    size--;
    hot -= heat.of[members[i]!]!;
    last = margins[i]!;
  }
  return last;
}

/** A rise that single precision does not lose. */
function justAbove(margin: number, price: number): number {
  return margin + Math.max(Math.abs(margin), Math.abs(price), 1e-30) * 2.5e-7;
}
