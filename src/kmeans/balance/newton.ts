import type { Nearest } from "../nearest.ts";
import type { Caps } from "./prices.ts";

/** Rows too many, and rows too few in cells that have a price, as a share of all: below this, prices are good. */
export const enoughMisfit = 0.005;
/** Of a cell's rows, the ones nearest to leaving say how many a higher price would send away; at least this share of them. */
const window = 0.05;
const sweeps = 60;

/** What a change of prices would do, as far as one can see from here. */
interface State {
  cells: number;
  /** Rows above what a cell may hold; below it where negative. */
  excess: Float64Array;
  /** slope[a × cells + b]: rows that go from a to b for each unit by which a's price rises above b's. */
  slope: Float64Array;
  /** No price of a cell need rise by more than this for its own excess to leave. */
  reach: Float64Array;
  misfit: number;
}

export function lookAt(nearest: Nearest, rows: number, cells: number, caps: Caps, prices: Float32Array): State {
  const { label, best, other, second } = nearest;
  const excess = excessOf(label.values, rows, cells, caps);
  const members = Array.from({ length: cells }, (): number[] => []);
  for (let i = 0; i < rows; i++) members[label.values[i]!]!.push(i);
  const slope = new Float64Array(cells * cells);
  const reach = new Float64Array(cells);
  let misfit = 0;
  for (const [a, own] of members.entries()) {
    if (excess[a]! > 0) misfit += excess[a]!;
    else if (prices[a]! > 0) misfit -= excess[a]!;
    if (own.length === 0) continue;
    const margins = Float32Array.from(own, (i) => second.values[i]! - best.values[i]!);
    const sorted = margins.slice().sort();
    const leaving = Math.min(own.length, Math.max(1, Math.ceil(window * own.length), Math.ceil(excess[a]!)));
    const width = Math.max(sorted[leaving - 1]!, 1e-12);
    reach[a] = width;
    for (const [j, i] of own.entries()) if (margins[j]! <= width) slope[a * cells + other.values[i]!]! += 1 / width;
  }
  return { cells, excess, slope, reach, misfit };
}

/** Rows too many, by number or, where they are too hot, by as many as make up for it. */
function excessOf(label: Int32Array, rows: number, cells: number, { rows: cap, heat }: Caps): Float64Array {
  const sizes = new Float64Array(cells);
  const heats = new Float64Array(cells);
  for (let i = 0; i < rows; i++) {
    sizes[label[i]!]!++;
    if (heat) heats[label[i]!]! += heat.of[i]!;
  }
  return sizes.map((size, c) => {
    if (!heat || heats[c] === 0) return size - cap;
    return Math.max(size - cap, ((heats[c]! - heat.cap) / heats[c]!) * size);
  });
}

/** How prices would have to change for every cell that has a price, or needs one, to hold just what it may: Gauss and Seidel's method on the slopes. */
export function newtonStep({ cells, excess, slope, reach }: State, prices: Float32Array): Float64Array {
  const change = new Float64Array(cells);
  const active = Array.from(excess.keys()).filter((a) => excess[a]! > 0 || prices[a]! > 0);
  const between = (a: number, b: number) => slope[a * cells + b]! + slope[b * cells + a]!;
  const neighbours = active.map((a) => Array.from({ length: cells }, (_, b) => b).filter((b) => b !== a && between(a, b) > 0));
  for (let sweep = 0; sweep < sweeps; sweep++)
    for (const [i, a] of active.entries()) {
      let flow = excess[a]!;
      let total = 0;
      let highest = 0;
      for (const b of neighbours[i]!) {
        const each = between(a, b);
        total += each;
        flow += each * change[b]!;
        highest = Math.max(highest, change[b]!);
      }
      if (total === 0) continue;
      // Beyond what can be seen from here, slopes say nothing.
      change[a] = Math.max(-prices[a]!, Math.min(flow / total, highest + 2 * reach[a]!));
    }
  return change;
}
