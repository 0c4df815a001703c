import type { PartitionerSpec, Selector } from "../table.ts";

/** Bytes and points that something is worth; estimates where the plan was made offline. */
export interface Amount {
  points: number;
  bytes: number;
}

/** What a plan was made for; apply refuses a cluster that differs. Never counts or the epoch: live writes must not make a plan stale. */
export interface Fingerprint {
  members: { id: string; weight: number; zone?: string }[];
  partitioner: PartitionerSpec | NativeShards;
  replicas: number;
  /** Present where copies are kept near boundaries. */
  spill?: { ratio: number };
  /** SHA-256 of the canonical JSON of the fields above. */
  digest: string;
}

/** In the place of a partitioner where the store shards by itself. `peers` and `shards` say what the steps mean by their ids. */
export interface NativeShards {
  kind: "native";
  /** Peer id in the store's cluster, by node id. */
  peers: Record<string, number>;
  /**
   * Who held each shard when the plan was made, sorted. Not in the digest: a plan that is half done has changed it. Apply
   * refuses shards that are at none of the places that the plan's own steps lead them through (`staleShards`).
   */
  shards: { id: number; key?: string | number; on: string[] }[];
}

/** One tracked copy of the routed topology (ROUTING.md): selector S from A to B, in place of `replaces`. */
export interface CopyStep extends Amount {
  id: string;
  kind: "copy";
  from: string;
  to: string;
  /** The owner that goes at the cut-over; null: none goes, `to` is one replica more. */
  replaces: string | null;
  selector: Selector;
  /** Serving copies of the points while the step runs: 1 means that losing `from` would lose them. */
  copiesDuring: number;
}

/**
 * The first step of a change of partitioner: the table names the new one, and every writer stamps its positions. Where the new positions
 * are stamped on every point anyway (hashes), moving may begin at once.
 */
export interface StampStep {
  id: string;
  kind: "stamp";
  partitioner: PartitionerSpec;
}

/** Stamps what no writer has touched meanwhile, until no node holds a point without the field. */
export interface BackfillStep extends Amount {
  id: string;
  kind: "backfill";
  field: string;
}

/**
 * All points of these new positions go to where the new partitioner has them (`back`: to where the old one had them): one tracked copy with
 * many sources and targets, and one cut-over.
 */
export interface RegroupStep extends Amount {
  id: string;
  kind: "regroup";
  into: Selector;
  /** The owners that the new partitioner gives them. */
  owners: string[];
  back?: boolean;
  copiesDuring: number;
}

/** Copies are to be kept near boundaries: the table says so, and every writer stamps second cells. */
export interface SpillStampStep {
  id: string;
  kind: "spill-stamp";
  ratio: number;
}

/** Every node gets the copies of points whose second cell it owns, and one not their own: one tracked copy, and one cut-over. */
export interface SpillCopyStep extends Amount {
  id: string;
  kind: "spill-copy";
  copiesDuring: number;
}

/** They are kept no longer: the table says so, and what is left of them is deleted. */
export interface SpillEndStep extends Amount {
  id: string;
  kind: "spill-end";
}

/**
 * All points, by another partitioner, in a second collection on the same nodes: one tracked copy, and one cut-over that changes partitioner
 * and collection at once.
 */
export interface BuildStep extends Amount {
  id: string;
  kind: "build";
  /** What the nodes will call the collection. */
  physical: string;
  partitioner: PartitionerSpec;
  copiesDuring: number;
}

/** The collection that such a switch has left, or one that was not built to the end, goes from all nodes. */
interface DropLayoutStep {
  id: string;
  kind: "drop-layout";
}

/**
 * Of a native cluster: a second collection of the store, sharded as this says, gets everything that the collection holds; then the name means it, and
 * the one before goes (ROUTING.md, "Cells of a native cluster").
 */
export interface RekeyStep extends Amount {
  id: string;
  kind: "rekey";
  /** The new collection's own name. */
  physical: string;
  partitioner: PartitionerSpec;
  sharding: NativeSharding;
  keys: CellShards[];
  /** As it was: where a reverse leads. */
  was: { sharding: NativeSharding; keys: CellShards[] };
  copiesDuring: number;
}
interface NativeSharding {
  byKey: boolean;
  /** Of the collection, or of each key. */
  shards: number;
  replicas: number;
}
/** Where a cell's shards are. */
export interface CellShards extends Amount {
  key: string;
  /** Nodes of the config. */
  on: string[];
}

/** The last step of a routed plan: the layout that the copies led to becomes the table's own. */
export interface SettleStep {
  id: string;
  kind: "settle";
  layout: Layout;
}

/** Whole shards of the native topology (Qdrant): done by the store itself, watched by us. */
export interface ShardStep extends Amount {
  id: string;
  kind: "move-shard" | "replicate-shard" | "drop-replica";
  shardId: number;
  /** Node ids of the config; for drop-replica, `from` alone. */
  from: string;
  to?: string;
  copiesDuring: number;
}

export type PlanStep =
  | CopyStep
  | StampStep
  | BackfillStep
  | RegroupStep
  | SpillStampStep
  | SpillCopyStep
  | SpillEndStep
  | BuildStep
  | DropLayoutStep
  | RekeyStep
  | SettleStep
  | ShardStep;

/** The parts of a routing table that a plan changes for good. */
export interface Layout {
  partitioner: PartitionerSpec;
  replicas: number;
  members: string[];
  nodes: Record<string, { url: string; zone?: string; weight: number }>;
  /** Copies are kept near boundaries, by this ratio. */
  spill?: { ratio: number };
}

export interface NodeLoad extends Amount {
  id: string;
  /** Of all copies, [0, 1]. */
  share: number;
  /** Searches a second, where they were measured. */
  queriesPerSec?: number;
}

export interface Balance {
  nodes: NodeLoad[];
  maxOverMean: number;
  /** Standard deviation of the shares ÷ their mean. */
  deviation: number;
}

/** What a search is expected to find and to cost once a plan has been applied. */
export interface ExpectedSearch {
  k: number;
  /** null: all cells. */
  probes: number | null;
  /** recall@k, [0, 1]. */
  recall: number;
  /** Nodes asked by one search, on average. */
  nodesTouched: number;
  /** Largest ÷ mean of the nodes' work. */
  heatMaxOverMean?: number;
}

/** `plan → (show | diff) → apply → verify → reverse`: one JSON document (DESIGN.md, "Plan"). */
export interface Plan {
  schemaVersion: 1;
  /** rebalance: a change of partitioner. */
  kind: "shard" | "rebalance";
  planId: string;
  /** ISO 8601. */
  createdAt: string;
  cluster: string;
  topology: "routed" | "native";
  collection: string;
  /** True: made from flags alone; nothing to apply it to. */
  offline: boolean;
  fingerprint: Fingerprint;
  /** In the order in which they run; those that share points run one after the other. */
  steps: PlanStep[];
  price: Amount & { movedFraction: number; primaryChangedFraction: number; minimumFraction: number; estimatedSeconds: number };
  before: Balance;
  predicted: Balance;
  /** Set by `shard reverse`: the plan that this one undoes. */
  reverses?: string;
  /** What the planner was told of a change of partitioner, for people: nothing of it decides what apply does. */
  expected?: ExpectedSearch;
}
