import type { CellNeighbors, Metric } from "../../kmeans/index.ts";
import { scoreSlack } from "../../load/recall/index.ts";

/** The true neighbours of one query: as far as the k-th of all rows, and how many are wanted. */
export interface Truth {
  /** Rows no farther than this count: a tie is as good as another. */
  limit: number;
  wanted: number;
}

/** @param all neighbours by the cells of a division in which each row is in one cell */
export function truthOf(all: CellNeighbors, cells: number, query: number, metric: Metric): Truth {
  const far: number[] = [];
  for (let cell = 0; cell < cells; cell++) far.push(...all.far(query, cell));
  far.sort((a, b) => a - b);
  const wanted = Math.min(all.k, far.length);
  const last = far[wanted - 1] ?? 0;
  if (metric !== "l2") return { wanted, limit: last + scoreSlack(last) };
  const distance = Math.sqrt(Math.max(0, last));
  return { wanted, limit: (distance + scoreSlack(distance)) ** 2 };
}

/** Rows that count for one query, each by the places in its order of shards where it is found: one, or two where it has a copy. */
export interface Hits {
  readonly wanted: number;
  readonly places: readonly (readonly number[])[];
}

export function hitsOf(neighbors: CellNeighbors, order: ArrayLike<number>, query: number, { limit, wanted }: Truth): Hits {
  const found = new Map<number, number[]>();
  for (let place = 0; place < order.length; place++) {
    const far = neighbors.far(query, order[place]!);
    const rows = neighbors.rows(query, order[place]!);
    for (let i = 0; i < far.length && far[i]! <= limit; i++) {
      const places = found.get(rows[i]!);
      if (places) places.push(place);
      else found.set(rows[i]!, [place]);
    }
  }
  return { wanted, places: [...found.values()] };
}

/**
 * Recall by the number of shards probed: out[p − 1] is that of the first p.
 * @param serves which places of the order answer; default: all
 */
export function recallsOf(
  { wanted, places }: Hits,
  count: number,
  serves: (place: number) => boolean = () => true,
): Float64Array {
  const added = new Float64Array(count);
  for (const each of places) {
    const first = each.find(serves);
    if (first !== undefined) added[first]!++;
  }
  let found = 0;
  return added.map((value) => {
    found += value;
    return wanted === 0 ? 1 : Math.min(found, wanted) / wanted;
  });
}
