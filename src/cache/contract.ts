/** What holds answers and embeddings in front of the store. Values are bytes: what they mean is the caller's. */
export interface CacheStore {
  /** @throws RagctlError `cache-unreachable` or `cache-refused`, exit 3 */
  get(key: string): Promise<Buffer | undefined>;
  /** @param ttlMs above zero; the entry is gone once it has passed */
  set(key: string, value: Buffer, ttlMs: number): Promise<void>;
  /** True when there was one. */
  delete(key: string): Promise<boolean>;
  /** Asks the furthest tier for a sign of life; its answer time, µs. Throws as `get` does. */
  ping(): Promise<{ latencyUs: number }>;
  /** What is known of it now. Never throws: what cannot be asked is in `problem`. */
  describe(): Promise<CacheDescription>;
  close(): Promise<void>;
}

export interface CacheDescription {
  driver: "redis" | "memory" | "tiered";
  ok: boolean;
  /** Where it is, without credentials: `redis://host:6379`. Empty for memory. */
  endpoints: string[];
  problem?: string;
  version?: string;
  entries?: number;
  usedBytes?: number;
  /** Absent: no limit is set. */
  maxBytes?: number;
  hits?: number;
  misses?: number;
  evictions?: number;
}

/** What is cached of a query: the answer of a search, a vector, the text that a language model made. Each has a TTL of its own. */
export type CacheKind = "result" | "embedding" | "answer";

/** What the cache knew: where it was found, or that there is nothing (`negative`: asked before, and there was nothing). */
export interface CacheAnswer {
  /** Undefined: known to be nothing. */
  value: Buffer | undefined;
  /** `computed`: by this call; `shared`: by another one that asked at the same time, in this process or another. */
  from: "memory" | "redis" | "computed" | "shared";
}

export interface SetOptions {
  /** Instead of the kind's TTL, jitter included. */
  ttlMs?: number;
  /** How long it took to compute: what early refresh goes by. */
  computeUs?: number;
}

export interface ComputeOptions extends SetOptions {
  /** False: the value is not what it should be (`poisoned`): it is counted, computed anew and overwritten. */
  accepts?: (value: Buffer) => boolean;
}

/**
 * The cache as an application uses it: keys and TTLs by kind, one flight per key, early refresh, compression, popularity. A Redis that fails is never the caller's trouble:
 * work goes on from memory, and `report` says that it did.
 */
export interface CacheLayer {
  /** Carries corpus version and embedder. */
  readonly namespace: string;
  keyOf(kind: CacheKind, query: string): string;
  /** Undefined: not there. Never throws for what a Redis does. Counts no popularity. */
  get(kind: CacheKind, query: string): Promise<CacheAnswer | undefined>;
  /** @returns where it went; `reason` is a sentence where Redis did not take it and memory alone has it */
  set(kind: CacheKind, query: string, value: Buffer, options?: SetOptions): Promise<Stored>;
  /**
   * What is held, or what `compute` makes of it: once for all who ask at the same time. Records the query's popularity. `compute` returning undefined is kept, shortly, as
   * "nothing"; what it throws reaches all who waited, and is not kept.
   */
  getOrCompute(
    kind: CacheKind,
    query: string,
    compute: () => Promise<Buffer | undefined>,
    options?: ComputeOptions,
  ): Promise<CacheAnswer>;
  /** Whether memory alone answers for this key now, because the Redis that holds it failed. */
  onMemoryOnly(kind: CacheKind, query: string): boolean;
  /** What this process did since it was opened. */
  report(): CacheLayerReport;
  /** Waits for refreshes under way, and for popularity to be written. */
  close(): Promise<void>;
}

export interface Stored {
  in: "redis" | "memory";
  reason?: string;
}

/** An episode in which Redis, or the part of it at `where`, was left alone. Times are milliseconds since the epoch. */
export interface MemoryOnly {
  where: string;
  sinceMs: number;
  /** Absent: it still is. */
  untilMs?: number;
  problem: string;
}

/** `lookups = hits + misses + shared.here`. */
export interface CacheLayerReport {
  lookups: number;
  /** By where; `negative` are those of them that knew of nothing. */
  hits: { memory: number; redis: number; negative: number };
  misses: number;
  /** Calls of `compute`, and how many of them failed. */
  computed: number;
  computeFailures: number;
  /** Callers who got what another one computed: of this process, of another. */
  shared: { here: number; elsewhere: number };
  earlyRefreshes: number;
  /** Writes by outcome; a Redis that is full or read-only refuses, and the value stays in memory. */
  stored: { redis: number; memoryOnly: number };
  /** Values that were not what they should be, and keys of a type that holds no value. */
  poisoned: number;
  wrongType: number;
  /** Commands that failed, and lookups answered without asking Redis. */
  redisFailures: number;
  withoutRedis: number;
  memoryOnly: MemoryOnly[];
  /** Bytes before and after compression, of what was compressed. */
  compression: { rawBytes: number; storedBytes: number };
}
