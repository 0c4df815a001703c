import { seededRng, type Rng } from "../../src/runtime.ts";

/** Normal deviate (Box and Muller). */
function gaussian(rng: Rng): number {
  return Math.sqrt(-2 * Math.log(1 - rng())) * Math.cos(2 * Math.PI * rng());
}

/**
 * Vectors as embeddings lie: around `clusters` centres, each number rounded to six digits as JSON would carry it. Points
 * and queries from one generator share their centres; the same seed gives the same sequence.
 */
export function clusteredVectors(options: { size: number; clusters: number; seed: number; spread?: number }): () => number[] {
  const rng = seededRng(options.seed);
  const { size, clusters, spread = 0.6 } = options;
  const centres = Array.from({ length: clusters }, () => Array.from({ length: size }, () => gaussian(rng)));
  return () => {
    const centre = centres[Math.floor(rng() * clusters)]!;
    const vector = centre.map((x) => x + gaussian(rng) * spread);
    const length = Math.hypot(...vector);
    return vector.map((x) => Number((x / length).toFixed(6)));
  };
}

export function dotProduct(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += a[index]! * b[index]!;
  return sum;
}

/** Indexes of the `k` greatest values, greatest first. */
export function topIndexes(values: readonly number[], k: number): number[] {
  return [...values.keys()].sort((a, b) => values[b]! - values[a]! || a - b).slice(0, k);
}
