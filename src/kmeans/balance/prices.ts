import type { Block } from "../arena.ts";
import type { Nearest } from "../nearest.ts";
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

const mostRounds = 2000;

/**
 * Prices of cells under which every row, going where score + price is least, keeps every cell within its caps: the dual of the assignment problem with
 * capacities, solved as an auction does it (Bertsekas 1988). Prices begin at nothing and only rise; a cell that is too full raises its own until the rows that
 * are nearest to leaving have left. So only full cells have a price, which is what makes the assignment the best one, up to the last step's size.
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
  await price(rows, true);
  const raised = new Int32Array(cells);
  let round = 0;
  let held = false;
  for (; round < mostRounds; round++) {
    signal?.throwIfAborted();
    const over = overfull(nearest.label.values, rows, cells, caps);
    held = over.size === 0;
    if (held) break;
    let items = 0;
    for (const [cell, members] of over) {
      const margins = new Float32Array(members.length);
      for (const [i, row] of members.entries()) margins[i] = nearest.second.values[row]! - nearest.best.values[row]!;
      // Neighbours that are full outbid each other in small steps: who was too full often asks for more.
      const spare = Math.floor((caps.rows * Math.min(64, raised[cell]!)) / 4096);
      prices.values[cell]! += justAbove(marginToLeave(members, margins, caps, spare), prices.values[cell]!);
      raised[cell]!++;
      index.values.set(members, items);
      items += members.length;
    }
    await price(items, false);
  }
  const found = prices.values.slice();
  arena.release(mark);
  return { prices: found, held, rounds: round };
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
function marginToLeave(members: Int32Array, margins: Float32Array, { rows: cap, heat }: Caps, spare: number): number {
  if (!heat) {
    const sorted = margins.slice().sort();
    return sorted[Math.min(sorted.length, Math.max(1, members.length - cap + spare)) - 1]!;
  }
  const order = Array.from(margins.keys()).sort((a, b) => margins[a]! - margins[b]!);
  let size = members.length;
  let hot = 0;
  for (const row of members) hot += heat.of[row]!;
  let last = 0;
  for (const i of order) {
    if (size <= Math.max(1, cap - spare) && hot <= heat.cap) break;
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
