import type { Distance, Payload, PointId } from "../../src/stores/contract.ts";
import { seededRng } from "../../src/runtime.ts";

export interface SamplePoint {
  id: PointId;
  vector: number[];
  payload: Payload & { n: number };
}

export const dim = 8;

/** Clustered vectors with payloads of every kind that ragctl filters on; integers and UUIDs for ids. */
export function samplePoints(count: number, seed = 7): SamplePoint[] {
  const rng = seededRng(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - rng())) * Math.cos(2 * Math.PI * rng());
  const centres = Array.from({ length: 5 }, () => Array.from({ length: dim }, normal));
  return Array.from({ length: count }, (_, n) => ({
    id: n % 3 === 2 ? `c0ffee00-0000-4000-8000-${String(n).padStart(12, "0")}` : n + 1,
    vector: centres[n % centres.length]!.map((component) => Math.fround(component + 0.3 * normal())),
    payload: {
      n,
      group: ["red", "green", "blue"][n % 3]!,
      even: n % 2 === 0,
      // A 32-bit hash, and a version as ROUTING.md makes it: milliseconds × 4096, close to 2^53.
      hash: Math.floor(rng() * 2 ** 32),
      version: 1_790_000_000_000 * 4096 + n,
      tags: [`t${n % 4}`, `t${n % 7}`],
      nested: { text: "naïve – 東京 🙂", list: [1, 2.5, null, { deep: true }] },
      // Absent, null, empty and present.
      ...(n % 4 === 1 && { sometimes: null }),
      ...(n % 4 === 2 && { sometimes: [] }),
      ...(n % 4 === 3 && { sometimes: "here" }),
    },
  }));
}

function dot(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, x, i) => sum + x * b[i]!, 0);
}
export function norm(a: readonly number[]): number {
  return Math.sqrt(dot(a, a));
}

/** The score that the store gives, and whether more is better. */
export const scores: Record<
  Distance,
  { score: (a: readonly number[], b: readonly number[]) => number; higherIsBetter: boolean }
> = {
  Cosine: { score: (a, b) => dot(a, b) / norm(a) / norm(b), higherIsBetter: true },
  Dot: { score: dot, higherIsBetter: true },
  Euclid: { score: (a, b) => norm(a.map((x, i) => x - b[i]!)), higherIsBetter: false },
};
