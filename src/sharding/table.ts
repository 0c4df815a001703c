/** The routing table of a routed collection: the one truth of who owns what (ROUTING.md, "The table"). Plain JSON. */

export type HashName = "xxh32" | "md5-32" | "md5-128";

export type PartitionerSpec =
  | { kind: "ring"; virtualNodes: number; hash: HashName }
  | { kind: "rendezvous"; hash: HashName }
  /** Sorted, exclusive upper bounds of integer keys; the last partition is unbounded. */
  | { kind: "range"; hash: HashName; bounds: number[] }
  /** One row a cell. */
  | { kind: "semantic"; hash: HashName; modelId: string; centroids: number[][] };

/** joining: owns nothing yet. serving. stale: missed an acknowledged write, answers no reads. leaving: still serves what has not moved away. */
export type NodeState = "joining" | "serving" | "stale" | "leaving";

export interface TableNode {
  url: string;
  zone?: string;
  weight: number;
  state: NodeState;
}

/** Half-open ranges [lo, hi) of `_ragctl_h`, or cells of `_ragctl_cell`. */
export type Selector = { kind: "ranges"; ranges: [lo: number, hi: number][] } | { kind: "cells"; cells: number[] };

export type MovePhase = "announced" | "paused" | "cutover";

export interface Move {
  id: string;
  selector: Selector;
  from: string;
  to: string;
  phase: MovePhase;
  /** Numbers the pauses of this move, so that a cut-over proves it is still in the pause it drained under. */
  pause: number;
  /** A repair brings a stale `to` back; it is not a change of owners. */
  repair?: boolean;
}

export interface RoutingTable {
  schemaVersion: 1;
  collection: string;
  epoch: number;
  partitioner: PartitionerSpec;
  replicas: number;
  /** Ids that placement runs over, in a fixed order; a `joining` node is in `nodes` but not here. */
  members: string[];
  nodes: Record<string, TableNode>;
  moves: Move[];
  vector: { size: number; distance: "Cosine" | "Dot" | "Euclid"; name?: string };
}

/** The payload fields that ragctl stamps on every point it writes. */
export const field = {
  key: "_ragctl_key",
  hash: "_ragctl_h",
  cell: "_ragctl_cell",
  version: "_ragctl_v",
} as const;
