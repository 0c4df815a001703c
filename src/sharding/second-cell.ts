import type { FlatCentroids } from "./semantic.ts";
import type { RoutingTable } from "./table.ts";

/**
 * The cell that a vector is kept in besides its own: the next nearest, where its centroid is at most `ratio` times as far as that of the
 * own one; else the own one. Distances are those of a fit: Euclidean, or of 2(1 − cos) under Cosine and 2(‖v‖ − v·c) under Dot the root, with the
 * price of balance added to their squares.
 * @param own the cell that the vector is in
 */
export function secondCell(
  { rows, size, offsets }: FlatCentroids,
  distance: RoutingTable["vector"]["distance"],
  vector: ArrayLike<number>,
  own: number,
  ratio: number,
): number {
  const cells = rows.length / size;
  const length2 = inner(vector, vector);
  const far = (cell: number): number => {
    const centroid = rows.subarray(cell * size, (cell + 1) * size);
    const dot = inner(centroid, vector);
    const offset = offsets?.[cell] ?? 0;
    if (distance === "Dot") return Math.max(0, 2 * (Math.sqrt(length2) - dot) + offset);
    const norm2 = inner(centroid, centroid);
    if (distance === "Euclid") return Math.max(0, length2 - 2 * dot + norm2 + offset);
    const cosine = norm2 * length2 === 0 ? 0 : dot / Math.sqrt(norm2 * length2);
    return Math.max(0, 2 * (1 - cosine) + offset);
  };
  let second = own;
  let least = Infinity;
  for (let cell = 0; cell < cells; cell++) {
    if (cell === own) continue;
    const squared = far(cell);
    if (squared < least) {
      least = squared;
      second = cell;
    }
  }
  return Math.sqrt(least) <= ratio * Math.sqrt(far(own)) ? second : own;
}

function inner(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let d = 0; d < a.length; d++) sum += a[d]! * b[d]!;
  return sum;
}
