/** What one answer from the cache saves. */
export interface Saving {
  /** Of the time that the question would have taken. */
  latencyMs: number;
  /** Of a language model, where the log tells or a flag says. */
  tokens: number;
  /** In any currency. */
  money: number;
}

/** A query as often as it was asked; what its rows of the log tell is a mean over them. */
export interface CountedQuery {
  /** Normalised. */
  query: string;
  /** Above zero; of a sketch it need not be whole. */
  count: number;
  told?: Partial<Saving>;
}

/** What was asked in order: `references` are places in `queries`. */
export interface QueryLog {
  /** Distinct, in the order of their first reference. */
  queries: readonly string[];
  references: Int32Array;
  /** By query: what its rows tell, as sums and how many told it. */
  told: Map<number, Told>;
}

export interface Told {
  latencyMs: Sum;
  tokens: Sum;
  money: Sum;
}
export interface Sum {
  total: number;
  rows: number;
}

/** A query worth warming. */
export interface RankedQuery extends CountedQuery {
  /** The chance that the next question is this one, by Good and Turing. */
  probability: number;
  saving: Saving;
  /** What it is ranked by: probability × what a hit saves. */
  worth: number;
}

/** What the ranking counts: hits, or what they save. */
export const worths = ["hits", "latency", "tokens", "money"] as const;
export type Worth = (typeof worths)[number];

/** What ends a plan before its last query. */
export type PlanLimit = "top" | "threshold" | "queries" | "bytes" | "time" | "cache";

/** What of a cluster the plan must know. */
export interface PlanFacts {
  /** Bytes that one query takes in the cache, its result and embedding with all that the cache adds. */
  entryBytes: number;
  /** Free in the cache; undefined: it has no limit. */
  freeBytes: number | undefined;
  /** Of results, ms, and the share of it that jitter may take away. */
  ttlMs: number;
  ttlJitter: number;
  /** What the search of a query takes that no log tells of, ms. */
  latencyMs: number;
  /** Of the pacer: what it begins with and what it goes up to. */
  ratePerSec: { start: number; max: number };
}

export interface PlanLimits {
  /** Queries at most. */
  top?: number;
  /** Asked at least so often. */
  threshold?: number;
  queries?: number;
  bytes?: number;
  timeMs?: number;
}

export interface Prices {
  /** Of a million tokens. */
  tokens: number;
  /** Of a question that the cache does not answer, beside its tokens. */
  query: number;
  /** Tokens of a question that no log tells of. */
  tokensPerQuery: number;
}
