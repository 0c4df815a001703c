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

export type PlanStep = CopyStep | SettleStep | ShardStep;

/** The parts of a routing table that a plan changes for good. */
export interface Layout {
  partitioner: PartitionerSpec;
  replicas: number;
  members: string[];
  nodes: Record<string, { url: string; zone?: string; weight: number }>;
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

/** `plan → (show | diff) → apply → verify → reverse`: one JSON document (DESIGN.md, "Plan"). */
export interface Plan {
  schemaVersion: 1;
  kind: "shard";
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
}
