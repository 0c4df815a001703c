import type { Rng } from "../../runtime.ts";
import { makeCentroids } from "../centroids.ts";
import { makeNearest } from "../nearest.ts";
import type { Points } from "../points.ts";
import { plusPlus } from "./plus-plus.ts";
import { settle } from "./settle.ts";

const steps = 4;

/** Splits a cell in two. @param members its rows @returns the two centroids' rows, one behind the other, and the inertia that is left */
export async function halve(
  points: Points,
  members: readonly number[],
  rng: Rng,
): Promise<{ rows: Float32Array; inertia: number }> {
  const { arena, width } = points;
  const mark = arena.mark();
  const index = arena.i32(members.length);
  index.values.set(members);
  const two = makeCentroids(points, 2);
  await plusPlus(points, index, two, rng);
  const inertia = await settle(points, two, makeNearest(points, members.length), index, steps);
  const rows = two.rows.values.slice(0, 2 * width);
  arena.release(mark);
  return { rows, inertia };
}
