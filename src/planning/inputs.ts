import type { BalanceGoal, Capacity } from "../sharding/plan/balance.ts";
import type { MaxRate } from "../sharding/plan/price.ts";

/** What `shard plan` was told, whatever cluster it is for. */
export interface PlanInputs {
  add: { id: string; url?: string }[];
  remove: string[];
  replicas?: number;
  virtualNodes?: number;
  /** ε; null: none. */
  loadBound?: number | null;
  weights: Record<string, number>;
  /** Keys, of a range partitioner. */
  split: number[];
  merge: number[];
  zones: Record<string, string>;
  capacities: ReadonlyMap<string, Capacity>;
  balance?: BalanceGoal["by"];
  limit: number;
  maxMoves?: number;
  maxBytes?: number;
  maxRate: MaxRate;
  /** A log of queries, for heat. */
  queryLog?: string;
  /** All queries a second, where the log stands for them. */
  queriesPerSec?: number;
  /** How long the nodes' own counters are watched. */
  heatWindowMs: number;
}

/** The changes that a request can make to a plan, in the form that `buildPlan` takes them. */
export function changesOf({ remove, replicas, virtualNodes, loadBound, weights, split, merge }: PlanInputs) {
  return {
    remove,
    weights,
    split,
    merge,
    ...(replicas === undefined ? {} : { replicas }),
    ...(virtualNodes === undefined ? {} : { virtualNodes }),
    ...(loadBound === undefined ? {} : { loadBound }),
  };
}

/** The limits of a request. */
export function limitsOf({ balance, limit, maxMoves, maxBytes, maxRate }: PlanInputs) {
  return {
    limit,
    maxRate,
    ...(balance === undefined ? {} : { balance }),
    ...(maxMoves === undefined ? {} : { maxMoves }),
    ...(maxBytes === undefined ? {} : { maxBytes }),
  };
}
