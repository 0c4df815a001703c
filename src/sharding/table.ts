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

/** A second collection on the nodes, beside the one that serves (ROUTING.md, "Blue and green"). */
interface Beside {
  /** Its name there. */
  physical: string;
  /** The plan that it belongs to. */
  planId: string;
  /** building: a new layout, which nobody but its mover writes to or reads; left: the one before, until every client has confirmed the switch. */
  state: "building" | "left";
}

/**
 * Copies near boundaries (ROUTING.md): a point whose second centroid is at most `ratio` times as far as its own is kept by that cell's owners, too.
 * While `stamping`, writers stamp the second cell; `filling`, every point has it, and copies are made; `on`, writers keep them, and searches count on them;
 * `ending`, they are no more than leftovers.
 */
export interface TableSpill {
  ratio: number;
  /** The payload field of the second cell: of a point without a copy, its own cell again. */
  field: string;
  phase: "stamping" | "filling" | "on" | "ending";
}

/**
 * Of a native cluster: its store shards by itself, and `nodes` has one entry for all of it. Under a semantic partitioner the cells are the keys that
 * the store's shards go by (ROUTING.md, "Cells of a native cluster").
 */
export interface NativeTable {
  /** A copy of everything into another collection of the store, under way: writers log what they touch, and in the pause they wait. */
  copy?: { id: string; physical: string; partitioner: PartitionerSpec; phase: "copying" | "paused"; pause: number };
  /** The collection that served before, until every client has confirmed that another does. */
  left?: string;
}

export interface RoutingTable {
  schemaVersion: 1;
  collection: string;
  /** What the nodes call it; absent: as `collection`. */
  physical?: string;
  beside?: Beside;
  native?: NativeTable;
  epoch: number;
  partitioner: PartitionerSpec;
  replicas: number;
  /** Ids that placement runs over, in a fixed order; a `joining` node is in `nodes` but not here. */
  members: string[];
  nodes: Record<string, TableNode>;
  moves: Move[];
  transition?: TableTransition;
  /** Of a semantic table. */
  spill?: TableSpill;
  /** What second cells points may be stamped with, from now or before: the field, by model and ratio. */
  spillFields?: Record<string, string>;
  vector: { size: number; distance: "Cosine" | "Dot" | "Euclid"; name?: string };
}

/** The payload fields that ragctl stamps on every point it writes. */
export const field = {
  key: "_ragctl_key",
  hash: "_ragctl_h",
  cell: "_ragctl_cell",
  version: "_ragctl_v",
  spill: "_ragctl_spill",
} as const;

/** Of fields of cells that are named after their model. */
export const cellPrefix = "_ragctl_c_";

/** The name that requests to the nodes use. */
export function physicalOf({ collection, physical }: Pick<RoutingTable, "collection" | "physical">): string {
  return physical ?? collection;
}

/** What the nodes call the layout that a plan builds beside the one that serves: never a name that was used before. */
export function layoutName(collection: string, planId: string): string {
  return `${collection}@${planId.replace(/^plan-/, "")}`;
}

/** Whether this can only be the name of a layout of that collection. */
export function isLayoutOf(physical: string, collection: string): boolean {
  return physical.startsWith(`${collection}@`) && /^\d{8}-\d{6}-\w+$/.test(physical.slice(collection.length + 1));
}

/** The payload field that holds a point's position under a partitioner. */
export function positionFieldOf(partitioner: PartitionerSpec): string {
  return partitioner.kind === "semantic" ? (partitioner.field ?? field.cell) : field.hash;
}

/** The field of a model that comes to a collection which may have had others: one field a model. */
export function cellFieldOf(modelId: string): string {
  return `${cellPrefix}${modelId.slice(0, 8)}`;
}

/** Every field that a reader of this table needs of a point: key, version, and the positions. */
export function stampFields({
  partitioner,
  transition,
  spill,
}: Pick<RoutingTable, "partitioner" | "transition" | "spill">): string[] {
  const positions = [partitioner, ...(transition ? [transition.to] : [])].map(positionFieldOf);
  return [...new Set([field.key, field.hash, field.version, ...positions, ...(spill ? [spill.field] : [])])];
}
