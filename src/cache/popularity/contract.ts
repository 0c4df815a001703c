/** How often a key was asked for, as a sketch of a stream knows it: at most `count`, at least `count − error`. */
export interface Popular {
  key: string;
  count: number;
  error: number;
}

/** What was asked of a cache over a window, without its order: the hottest keys, and how much there was beside them. */
export interface PopularitySnapshot {
  /** The most popular first. */
  keys: readonly Popular[];
  /** References in all, those to keys that are not listed with them. */
  references: number;
}

/** A question with the text that was asked, so that a key's hash can be turned back into it. */
interface PopularQuery {
  /** Normalised. */
  query: string;
  /** At most so often, the past counting for less (see `halfLifeMs`), and at least `count − error`. */
  count: number;
  error: number;
}

/** Counts what is asked. */
export interface PopularityRecorder {
  /** Counts one question. Never waits, never throws. */
  record(query: string, weight?: number): void;
  /** Writes what has been counted since to where it is kept. A failure is kept for `problem`, and its counts for the next time. */
  flush(): Promise<void>;
  problem(): string | undefined;
  close(): Promise<void>;
}

/** What has been counted, by all processes together. */
export interface PopularityReader {
  /** The most popular first, and references in all. */
  top(limit: number): Promise<{ queries: PopularQuery[]; references: number }>;
  /** Texts of these SHA-256 digests (hex, as in keys), where they are held. */
  textsOf(digests: readonly string[]): Promise<Map<string, string>>;
}
