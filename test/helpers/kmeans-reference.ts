/** What the kernel does, one number after the other and in double precision: what tests hold it against. */

interface Matrix {
  rows: Float32Array;
  width: number;
}

/** For each row its nearest centroid by bias[c] − x·c, and the second nearest; ties go to the lower number. */
export function referenceNearest(
  { rows, width }: Matrix,
  centroids: Float32Array,
  bias: readonly number[],
): { label: number; best: number; other: number; second: number }[] {
  return Array.from({ length: rows.length / width }, (_, i) => {
    const scores = bias.map((b, c) => b - referenceDot(rows, i * width, centroids, c * width, width));
    const [label, other] = Array.from(scores.keys()).sort((a, b) => scores[a]! - scores[b]! || a - b) as [number, number?];
    return {
      label,
      best: scores[label]!,
      other: other ?? 0,
      second: other === undefined ? Infinity : scores[other]!,
    };
  });
}

export function referenceDot(a: Float32Array, at: number, b: Float32Array, bt: number, width: number): number {
  let sum = 0;
  for (let d = 0; d < width; d++) sum += a[at + d]! * b[bt + d]!;
  return sum;
}

export function referenceSquare(a: Float32Array, at: number, b: Float32Array, bt: number, width: number): number {
  let sum = 0;
  for (let d = 0; d < width; d++) sum += (a[at + d]! - b[bt + d]!) ** 2;
  return sum;
}
