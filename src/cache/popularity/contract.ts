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
