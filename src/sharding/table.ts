/** The routing table of a routed collection: the one truth of who owns what (ROUTING.md, "The table"). Plain JSON. */

export type HashName = "xxh32" | "md5-32" | "md5-128";

export interface RingSpec {
  kind: "ring";
  /** Per unit of weight. */
  virtualNodes: number;
  hash: HashName;
  /**
   * ε of a bounded load: no member gets more than (1 + ε) times its fair share of the copies (by weight); what is above spills
   * clockwise. A part of the placement, so that it routes alike offline and live. Absent: unbounded, as the Python rings are.
   */
  loadBound?: number;
}
export interface RendezvousSpec {
  kind: "rendezvous";
  hash: HashName;
}
export interface RangeSpec {
  kind: "range";
  hash: HashName;
  /** Ascending, exclusive upper bounds of integer keys; the last partition is unbounded. */
  bounds: number[];
}
export interface SemanticSpec {
  kind: "semantic";
  hash: HashName;
  modelId: string;
  /** One row a cell. */
  centroids: number[][];
  /** By cell, added to the squared distance to its centroid: what keeps the cells of a balanced model even. Absent: all 0. */
  offsets?: number[];
  /** Cells nearest to the query that a search asks; absent: all of them, so that nothing is missed. */
  probes?: number;
  /** The payload field of this model's cells; absent: `_ragctl_cell`. */
  field?: string;
  /** Who owns each cell, the primary first; absent: each cell is placed like a hash of its number. */
  owners?: string[][];
}
export type PartitionerSpec = RingSpec | RendezvousSpec | RangeSpec | SemanticSpec;

export const defaultVirtualNodes = 150;

/** What a placement's positions are: `_ragctl_h` (a hash, or under `range` the integer key), or `_ragctl_cell`. */
export type Coordinate = "hash" | "key" | "cell";

/** joining: owns nothing yet. serving. stale: missed an acknowledged write, answers no reads. leaving: still serves what has not moved away. */
export type NodeState = "joining" | "serving" | "stale" | "leaving";

export interface TableNode {
  url: string;
  zone?: string;
  weight: number;
  state: NodeState;
  /**
   * Present: a write to it was not answered and it could not be marked stale, so nobody sends it a write until one request
   * timeout after it answers again. The value is the epoch of the mark, which tells one mark from the next.
   */
  quiet?: number;
  /** How often it was stale and repaired: a mover that read from it knows by this that it served all the time. */
  repairs?: number;
}

/** Half-open, ascending ranges [lo, hi) of `_ragctl_h`, or ascending cells of `_ragctl_cell`. */
export type Selector = { kind: "ranges"; ranges: [lo: number, hi: number][] } | { kind: "cells"; cells: number[] };

type MovePhase = "announced" | "paused" | "cutover";

export interface Move {
  id: string;
  selector: Selector;
  /** The source of the copy; unless `replaces` says otherwise, the owner that `to` takes the place of. */
  from: string;
  to: string;
  /** The owner that goes at the cut-over where it is not `from` (a dead one, say); null: none goes, `to` is one replica more. */
  replaces?: string | null;
  phase: MovePhase;
  /** Numbers the pauses of this move, so that a cut-over proves it is still in the pause it drained under. */
  pause: number;
  /** A repair brings a stale `to` back to `serving`; owners do not change, and the move leaves the table at its cut-over. */
  repair?: boolean;
  /**
   * While the partitioner changes: of the selector's points, those in this part of the new partitioner's positions; absent: all of them.
   * Unless it is a repair, such a move is one copy of a group's: `TableTransition.moved` says when it has been cut over.
   */
  into?: Selector;
  /** The log of touched keys that it shares with the other moves of its group; absent: one of its own, by its id. */
  log?: string;
}

/**
 * A change of partitioner under way (ROUTING.md, "Change of partitioner"). While `stamping`, owners are the old ones, and writers stamp
 * positions of both partitioners. While `moving`, a point is owned as `to` says where its new position is in `moved`, else as before.
 */
interface TableTransition {
  to: PartitionerSpec;
  phase: "stamping" | "moving";
  /** Ascending, disjoint ranges of the new partitioner's positions; neighbours are merged. */
  moved: [lo: number, hi: number][];
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
  transition?: TableTransition;
  vector: { size: number; distance: "Cosine" | "Dot" | "Euclid"; name?: string };
}

/** The payload fields that ragctl stamps on every point it writes. */
export const field = {
  key: "_ragctl_key",
  hash: "_ragctl_h",
  cell: "_ragctl_cell",
  version: "_ragctl_v",
} as const;

/** The payload field that holds a point's position under a partitioner. */
export function positionFieldOf(partitioner: PartitionerSpec): string {
  return partitioner.kind === "semantic" ? (partitioner.field ?? field.cell) : field.hash;
}

/** The field of a model that comes to a collection which may have had others: one field a model. */
export function cellFieldOf(modelId: string): string {
  return `_ragctl_c_${modelId.slice(0, 8)}`;
}

/** Every field that a reader of this table needs of a point: key, version, and the positions. */
export function stampFields({ partitioner, transition }: Pick<RoutingTable, "partitioner" | "transition">): string[] {
  const positions = [partitioner, ...(transition ? [transition.to] : [])].map(positionFieldOf);
  return [...new Set([field.key, field.hash, field.version, ...positions])];
}
