import { RagctlError } from "../errors.ts";
import { segmented, type Member, type Placement, type Segment } from "./segments.ts";
import { createRing } from "./ring.ts";
import { defaultVirtualNodes, type SemanticSpec } from "./table.ts";

/**
 * Cells of nearest centroids; a position is the cell's number. Each cell is where the table says; where it does not, it is placed like a hash of
 * its number.
 */
export function createSemantic(spec: SemanticSpec, members: readonly Member[], replicas: number): Placement {
  const cells = spec.centroids.length;
  if (cells === 0)
    throw new RagctlError("A semantic partitioner needs at least one centroid.", { code: "no-centroids", exitCode: 2 });
  const ids = members.map(({ id }) => id);
  const owners = spec.owners ? assigned(spec.owners, cells, ids, replicas) : byHash(spec, members, replicas);
  const pieces: Segment[] = spec.centroids.map((_, cell) => ({
    lo: cell,
    hi: cell + 1,
    owners: owners[cell]!,
    share: 1 / cells,
  }));
  return segmented({ coordinate: "cell", space: cells, members: ids, replicas }, pieces, () => {
    throw new RagctlError("A semantic placement routes by vector, not by key.", {
      code: "needs-vector",
      exitCode: 2,
      hint: "Give the vectors, or use a ring.",
    });
  });
}

function byHash({ hash, centroids }: SemanticSpec, members: readonly Member[], replicas: number): (readonly string[])[] {
  const ring = createRing({ kind: "ring", virtualNodes: defaultVirtualNodes, hash }, members, replicas);
  return centroids.map((_, cell) => ring.ownersOfKey(String(cell)));
}

function assigned(owners: string[][], cells: number, members: readonly string[], replicas: number): string[][] {
  const wrong = owners.findIndex(
    (list) => list.length !== replicas || new Set(list).size < replicas || list.some((id) => !members.includes(id)),
  );
  if (owners.length === cells && wrong === -1) return owners;
  throw new RagctlError(
    wrong === -1
      ? `Owners are given for ${owners.length} cells of ${cells}.`
      : `Cell ${wrong} must be on ${replicas} of ${members.join(", ")}, and is on ${owners[wrong]!.join(", ") || "none"}.`,
    { code: "cell-owners", exitCode: 2, hint: "ragctl shard plan makes a plan that places cells on the nodes there are." },
  );
}

/**
 * The cells nearest to a vector, nearest first, by the collection's own distance (ties to the lower number).
 * Offsets count in squared distances, which under Cosine and Dot are 2(1 − cos) and 2(‖v‖ − v·c) with centroids of length one.
 * @param centroids rows, as `flattenCentroids` lays them out
 */
export function nearestCells(
  centroids: FlatCentroids,
  distance: "Cosine" | "Dot" | "Euclid",
  vector: ArrayLike<number>,
  count: number,
): number[] {
  const { rows, size, offsets } = centroids;
  const cells = rows.length / size;
  const far = new Float64Array(cells);
  let length = 0;
  if (offsets && distance === "Cosine") {
    for (let d = 0; d < size; d++) length += vector[d]! * vector[d]!;
    length = Math.sqrt(length);
  }
  for (let cell = 0; cell < cells; cell++) {
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
    // Monotonic in the distance is enough: the vector's own norm is the same for all cells.
    far[cell] = distance === "Euclid" ? square : distance === "Dot" ? -dot : norm === 0 ? 0 : -dot / Math.sqrt(norm);
    if (offsets)
      far[cell]! += distance === "Euclid" ? offsets[cell]! : (offsets[cell]! / 2) * (distance === "Cosine" ? length : 1);
  }
  if (count === 1) return [far.indexOf(far.reduce((least, value) => Math.min(least, value)))];
  return Array.from(far.keys())
    .sort((a, b) => far[a]! - far[b]! || a - b)
    .slice(0, count);
}

export interface FlatCentroids {
  rows: Float32Array;
  size: number;
  offsets?: readonly number[];
}

export function flattenCentroids(spec: Pick<SemanticSpec, "centroids" | "offsets">): FlatCentroids {
  const size = spec.centroids[0]?.length ?? 0;
  const rows = new Float32Array(spec.centroids.length * size);
  for (const [index, row] of spec.centroids.entries()) rows.set(row, index * size);
  return { rows, size, ...(spec.offsets && { offsets: spec.offsets }) };
}
