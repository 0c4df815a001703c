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
  let length = 0;
  for (let d = 0; d < size; d++) length += vector[d]! * vector[d]!;
  length = Math.sqrt(length);
  const far = (cell: number): number => {
    let dot = 0;
    let norm = 0;
    let square = 0;
    for (let d = 0, at = cell * size; d < size; d++, at++) {
      const c = rows[at]!;
      const v = vector[d]!;
      dot += c * v;
      norm += c * c;
      square += (c - v) * (c - v);
    }
    const squared =
      distance === "Euclid"
        ? square
        : distance === "Dot"
          ? 2 * (length - dot)
          : 2 * (1 - (norm === 0 || length === 0 ? 0 : dot / (Math.sqrt(norm) * length)));
    return Math.max(0, squared + (offsets?.[cell] ?? 0));
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
