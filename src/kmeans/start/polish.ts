import type { Rng } from "../../runtime.ts";
import type { Block } from "../arena.ts";
import { type Centroids, copyCentroids, makeCentroids, setCentroid } from "../centroids.ts";
import { rngFor } from "../choose.ts";
import { makeNearest, type Nearest } from "../nearest.ts";
import type { Points } from "../points.ts";
import { halve } from "./halve.ts";
import { settle } from "./settle.ts";

const rounds = 16;
const settleSteps = 4;
const margin = 1.05;

/**
 * Mends what k-means cannot leave by itself: two centroids in one cluster while two other clusters share one. A centroid whose cell would cost little to
 * give up moves to where splitting a cell saves more (the merge and split of ISODATA, Ball & Hall 1965). A round that did not make it better is undone,
 * and tried again with half as many moves.
 * @param index rows to work on
 */
export async function polish(
  points: Points,
  centroids: Centroids,
  index: Block<Int32Array>,
  { seed, signal }: { seed: number; signal?: AbortSignal },
): Promise<void> {
  const { arena } = points;
  const mark = arena.mark();
  const nearest = makeNearest(points, index.values.length);
  const kept = makeCentroids(points, centroids.count);
  let inertia = await settle(points, centroids, nearest, index, settleSteps);
  let most = centroids.count;
  for (let round = 0; round < rounds && centroids.count > 1; round++) {
    signal?.throwIfAborted();
    copyCentroids(points, centroids, kept);
    const moved = await swap(points, centroids, nearest, index, { most, rng: rngFor(seed, "polish", round) });
    if (moved === 0) break;
    const after = await settle(points, centroids, nearest, index, settleSteps);
    if (after < inertia) {
      inertia = after;
      continue;
    }
    copyCentroids(points, kept, centroids);
    if (moved === 1) break;
    most = moved >> 1;
    await settle(points, centroids, nearest, index, 0);
  }
  arena.release(mark);
}

/** Moves centroids from where they save little to where they save more, by what `nearest` says of the rows. @returns how many */
async function swap(
  points: Points,
  centroids: Centroids,
  nearest: Nearest,
  index: Block<Int32Array>,
  { most, rng }: { most: number; rng: Rng },
): Promise<number> {
  const cells = weighCells(points, nearest, index, centroids.count);
  const cheapest = cells.toSorted((a, b) => a.cost - b.cost || a.number - b.number);
  const least = cheapest[0]!.cost;
  // Only a try says what a split saves. A cell that holds less than the cheapest one costs cannot save enough.
  const worth = cells
    .filter(({ inertia, members }) => members.length >= 4 && inertia > least * margin)
    .toSorted((a, b) => b.inertia - a.inertia || a.number - b.number)
    .slice(0, Math.max(4, centroids.count >> 1));
  const splits: { number: number; saving: number; rows: Float32Array }[] = [];
  for (const { number, inertia, members } of worth) {
    const { rows, inertia: left } = await halve(points, members, rng);
    if (inertia - left > least * margin) splits.push({ number, saving: inertia - left, rows });
  }
  splits.sort((a, b) => b.saving - a.saving || a.number - b.number);
  const touched = new Set<number>();
  let moved = 0;
  for (const { number, saving, rows } of splits) {
    if (moved >= most) break;
    if (touched.has(number)) continue;
    const victim = cheapest.find((cell) => cell.number !== number && !touched.has(cell.number));
    if (!victim || saving <= victim.cost * margin) break;
    setCentroid(points, centroids, number, rows, 0, 1);
    setCentroid(points, centroids, victim.number, rows, points.width, 1);
    // What a victim leaves goes to its neighbour, which then is not what was weighed any more.
    touched.add(number).add(victim.number).add(victim.neighbour);
    moved++;
  }
  return moved;
}

interface Cell {
  number: number;
  /** What giving it up would add to the inertia. */
  cost: number;
  inertia: number;
  /** Its rows. */
  members: number[];
  /** Where most of its rows would go. */
  neighbour: number;
}

function weighCells({ bases }: Points, { label, best, other, second }: Nearest, index: Block<Int32Array>, k: number): Cell[] {
  const cells: Cell[] = Array.from({ length: k }, (_, number) => ({
    number,
    cost: 0,
    inertia: 0,
    members: [],
    neighbour: number,
  }));
  const votes = new Map<number, number>();
  for (const [i, row] of index.values.entries()) {
    const c = label.values[i]!;
    const cell = cells[c]!;
    cell.cost += 2 * (second.values[i]! - best.values[i]!);
    cell.inertia += Math.max(0, bases.values[row]! + 2 * best.values[i]!);
    cell.members.push(row);
    const vote = c * k + other.values[i]!;
    votes.set(vote, (votes.get(vote) ?? 0) + 1);
  }
  const most = new Int32Array(k);
  for (const [vote, count] of votes) {
    const c = Math.floor(vote / k);
    if (count <= most[c]!) continue;
    most[c] = count;
    cells[c]!.neighbour = vote % k;
  }
  return cells;
}
