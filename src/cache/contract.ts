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
