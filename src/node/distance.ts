import type { Distance } from "../stores/contract.ts";
import { badFormat, wrongInput } from "./fault.ts";

/**
 * Ranks are "higher is better", whatever the distance: the dot product, or minus the squared Euclidean distance.
 * `at` is where the vector begins in `arena`; the size may be any.
 */
export function rankAt(distance: Distance, query: Float32Array, arena: Float32Array, at: number): number {
  return distance === "Euclid" ? -squaredEuclid(query, arena, at) : dot(query, arena, at);
}

// Four sums side by side, because a single one waits for itself: 0.45 µs for 384 dimensions instead of 0.9.
function dot(query: Float32Array, arena: Float32Array, at: number): number {
  const size = query.length;
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let index = 0;
  for (; index + 3 < size; index += 4) {
    a += query[index]! * arena[at + index]!;
    b += query[index + 1]! * arena[at + index + 1]!;
    c += query[index + 2]! * arena[at + index + 2]!;
    d += query[index + 3]! * arena[at + index + 3]!;
  }
  for (; index < size; index++) a += query[index]! * arena[at + index]!;
  return a + b + c + d;
}

function squaredEuclid(query: Float32Array, arena: Float32Array, at: number): number {
  let sum = 0;
  for (let index = 0; index < query.length; index++) {
    const difference = query[index]! - arena[at + index]!;
    sum += difference * difference;
  }
  return sum;
}

/** Rank → the score that Qdrant answers, a 32-bit float: a similarity (higher is better), or the Euclidean distance. */
export function scoreOfRank(distance: Distance, rank: number): number {
  return Math.fround(distance === "Euclid" ? Math.sqrt(Math.max(0, -rank)) : rank);
}

/** Qdrant keeps strictly better scores than the threshold. */
export function passesThreshold(distance: Distance, score: number, threshold: number | undefined): boolean {
  return threshold === undefined || (distance === "Euclid" ? score < threshold : score > threshold);
}

/**
 * Checks the numbers of a vector and writes them to `into` as 32-bit floats, normalised for Cosine. As in Qdrant a vector
 * that is already normalised to 1e-6, or zero, is stored as it came, so that copying a point changes nothing.
 */
export function writeVector(value: unknown, size: number, distance: Distance, into: Float32Array): void {
  if (!Array.isArray(value)) throw badFormat("a vector must be an array of numbers");
  if (value.length !== size) throw wrongInput(`Vector dimension error: expected dim: ${size}, got ${value.length}`);
  const numbers = value as unknown[];
  let squares = 0;
  for (let index = 0; index < size; index++) {
    const number = numbers[index];
    if (typeof number !== "number") throw badFormat("a vector must be an array of numbers");
    into[index] = number;
    const stored = into[index]!;
    squares += stored * stored;
  }
  if (!Number.isFinite(squares)) throw wrongInput("a vector's numbers must fit 32-bit floats");
  if (distance !== "Cosine" || squares < 1.1920929e-7 || Math.abs(squares - 1) <= 1e-6) return;
  const length = Math.sqrt(squares);
  for (let index = 0; index < size; index++) into[index] = into[index]! / length;
}
