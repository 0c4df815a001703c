import { createLookup, type Lookup } from "./lookup.ts";
import type { Coordinate } from "./table.ts";

/** A node as placement sees it. */
export interface Member {
  id: string;
  /** Above zero; 1 unless given. */
  weight?: number;
  /** A node without one is a zone of its own. */
  zone?: string;
}

/** All positions in [lo, hi) have these owners, the primary first. */
export interface Segment {
  lo: number;
  hi: number;
  owners: readonly string[];
  /** Of all positions, (0, 1]; the shares of all segments add up to 1. */
  share: number;
}

/**
 * Partition → ordered replicas. A *position* is a number in [0, space): the key's 32-bit hash (`ring`, `rendezvous`), the
 * integer key itself (`range`), or the number of the nearest cell (`semantic`).
 */
export interface Placement {
  readonly coordinate: Coordinate;
  /** Exclusive upper bound of positions: 2^32, 2^53, the number of cells; 2^128 for `md5-128`, whose positions are rounded to doubles. */
  readonly space: number;
  readonly members: readonly string[];
  readonly replicas: number;
  /** Owners of a position, the primary first. */
  ownersOfHash(position: number): readonly string[];
  /** Owners of a key; a semantic placement needs the vector (see `cellOf`) and throws. */
  ownersOfKey(key: string): readonly string[];
  /** Every position exactly once, ascending; neighbours have different owners. */
  segments(): readonly Segment[];
}

/**
 * What all placements share: segments found by position. Neighbours with the same owners are merged.
 * @param pieces every position once, ascending; they become the placement's own
 */
export function segmented(
  base: Omit<Placement, "ownersOfHash" | "segments" | "ownersOfKey">,
  pieces: readonly Segment[],
  positionOfKey: (key: string) => number,
): Placement {
  const merged: Segment[] = [];
  let last: Segment | undefined;
  for (const piece of pieces) {
    if (piece.hi <= piece.lo) continue;
    if (last && last.hi === piece.lo && sameOwners(last.owners, piece.owners)) {
      last.hi = piece.hi;
      last.share += piece.share;
    } else merged.push((last = piece));
  }
  // Made when it is first asked for: a plan builds placements whose keys nobody looks up.
  let lookup: Lookup | undefined;
  const ownersOfHash = (position: number) => {
    lookup ??= createLookup(
      Float64Array.from(merged, (segment) => segment.lo),
      base.space,
    );
    return merged[lookup.find(position)]!.owners;
  };
  return { ...base, ownersOfHash, ownersOfKey: (key) => ownersOfHash(positionOfKey(key)), segments: () => merged };
}

/** The same owners in the same order. */
export function sameOwners(a: readonly string[], b: readonly string[]): boolean {
  return a === b || (a.length === b.length && a.every((owner, index) => owner === b[index]));
}
