import type { Amount, Plan, ShardStep } from "../plan/contract.ts";

/** A replica's state, as Qdrant names it (`ReplicaState` of the stores' contract, which this room is below of). */
export type NativeState =
  | "Active"
  | "Dead"
  | "Partial"
  | "Initializing"
  | "Listener"
  | "PartialSnapshot"
  | "Recovery"
  | "Resharding"
  | "ReshardingScaleDown"
  | "ActiveRead"
  | "ManualRecovery";

/** A member of the store's own cluster. */
export interface NativeNode {
  /** Of the config; `peer-123` for a peer that no configured node is. */
  id: string;
  /** Undefined: a configured node that does not answer, and of which it is not known which peer it is. */
  peerId?: number;
  url?: string;
  zone?: string;
  weight: number;
  /** It answered, and its peer id is known. */
  alive: boolean;
  /** Why it did not. */
  problem?: string;
}

export interface NativeReplica {
  node: string;
  state: NativeState;
  /** Its own estimate; absent where it did not answer. */
  points?: number;
}

export interface NativeShard extends Amount {
  id: number;
  key?: string | number;
  /** By node, in the order of `nodes`. */
  replicas: NativeReplica[];
}

export interface NativeTransfer {
  shardId: number;
  from: string;
  to: string;
  /** True: `from` keeps its copy. */
  sync: boolean;
  method?: string;
  comment?: string;
}

export interface NativeConsensus {
  /** Node id; null: the peers that answer know of none. */
  leader: string | null;
  voters: number;
  /** Voters that answer. */
  answering: number;
  quorum: boolean;
  /** The most of any peer. */
  pendingOperations: number;
  /** Why there is no quorum, in a sentence. */
  problem?: string;
}

/** What a native cluster looked like at one moment; plain JSON, so that plans can be made from a file. */
export interface ObservedNative {
  cluster: string;
  collection: string;
  /** Configured ones in the order of the config, then unknown peers by id. */
  nodes: NativeNode[];
  /** By id. */
  shards: NativeShard[];
  transfers: NativeTransfer[];
  consensus: NativeConsensus;
  replicationFactor: number;
  resharding: boolean;
  /** `telemetry`: what the store says. `estimate`: points × (dimension × 4 bytes + 1 KiB of payload). */
  sizes: "telemetry" | "estimate";
  /** For people: peers that no configured node is, nodes that do not answer. */
  notes: string[];
}

/** What a plan is to reach. Nothing: take in every node, restore what is missing, balance. */
export interface NativeGoal {
  /** Nodes that must be members of the store's cluster by now; those that hold nothing are taken in anyway. */
  add?: readonly string[];
  /** Nodes (or `peer-…`) to be emptied. */
  remove?: readonly string[];
  /** Copies of each shard; the collection's own replication factor unless given, and then no copy too many is dropped. */
  replicas?: number;
  /**
   * What is to be even; `bytes` unless given. `heat` and `all` need heat, which Qdrant does not tell by shard: they count as
   * bytes.
   */
  balance?: "points" | "bytes" | "heat" | "all";
  /** Copies made at most, and bytes copied. What comes first: missing copies, then emptying, zones, balance. */
  maxMoves?: number;
  maxBytes?: number;
  /** For the estimate of the time; 50 MiB/s unless given. */
  bytesPerSec?: number;
}

/** The parts of a plan that observation and goal decide. */
export interface NativePlan extends Pick<Plan, "fingerprint" | "price" | "before" | "predicted"> {
  steps: ShardStep[];
  /** For people: what was left out and why, what is at risk. */
  notes: string[];
}
