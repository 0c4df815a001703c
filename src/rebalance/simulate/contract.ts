import type { Division } from "../../kmeans/index.ts";

/** One way to divide the rows into shards, and what a search of it asks. */
export interface Arrangement {
  name: string;
  kind: "semantic" | "hash";
  division: Division;
  /** Rows of each shard, copies near boundaries included. */
  sizes: Float64Array;
  /** For each query, the shards in the order in which it asks them. */
  orders: readonly ArrayLike<number>[];
}

/** The same with its shards on nodes. */
export interface Layout extends Arrangement {
  /** Indexes of the nodes that hold each shard; without nodes, each shard is a node of its own. */
  owners: readonly (readonly number[])[];
  nodes: readonly string[];
}

/** Queries, each different one once. */
export interface Queries {
  vectors: readonly Float32Array[];
  /** How often each was asked. */
  weights: readonly number[];
}

/** What probing a number of shards comes to, over all queries by their weights. */
export interface ProbeOutcome {
  probes: number;
  recall: number;
  /** 95 % interval of the mean recall. */
  low: number;
  high: number;
  /** Shards asked by a query. */
  fanOut: number;
  /** Nodes asked by a query. */
  nodesTouched: number;
  /** Share of all rows that lie in the shards asked. */
  work: number;
  /** Requests of the busiest node ÷ mean. */
  heatMaxOverMean: number;
  /** With one node down: the mean over which one, and the worst. */
  oneDown: { mean: number; worst: number };
}
