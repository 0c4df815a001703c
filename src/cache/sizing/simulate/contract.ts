/** A cache that is only simulated: which of the references hit, nothing is stored. Keys are small whole numbers. */
export interface SimulatedCache {
  /** A reference, which stores the entry where it misses. @returns whether it hits */
  reference(slot: number, bytes: number, timeUs: number): boolean;
}

/** How much a cache holds: entries, or their bytes. */
export interface Capacity {
  axis: "entries" | "bytes";
  size: number;
  /** From when an entry was stored until it is gone, whether used or not; Infinity: it stays. */
  ttlUs: number;
  /** Slots are below it. */
  slotCount: number;
}
