import type { Capacity, SimulatedCache } from "./contract.ts";

/** Which entry goes next: what makes a policy. */
export interface Order {
  add(slot: number): void;
  use(slot: number): void;
  remove(slot: number): void;
  /** The one to evict; only asked while there are entries. */
  next(): number;
}

/** A cache of bounded size over an order. Expired entries are found when they are referenced, as Redis's are at the latest; until then they take room. */
export function boundedCache({ axis, size, ttlUs, slotCount }: Capacity, order: Order): SimulatedCache {
  const byBytes = axis === "bytes";
  // What each entry takes of the size; zero: it is not in the cache.
  const weight = new Float64Array(slotCount);
  const storedUs = ttlUs === Infinity ? undefined : new Float64Array(slotCount);
  let used = 0;
  /** Takes an entry out. @returns what it weighed */
  const drop = (slot: number) => {
    const freed = weight[slot]!;
    order.remove(slot);
    weight[slot] = 0;
    return freed;
  };
  return {
    reference(slot, bytes, timeUs) {
      if (weight[slot]! > 0) {
        if (!storedUs || timeUs - storedUs[slot]! < ttlUs) {
          order.use(slot);
          return true;
        }
        used -= drop(slot);
      }
      const wanted = byBytes ? Math.max(1, bytes) : 1;
      if (wanted > size) return false;
      while (used + wanted > size) used -= drop(order.next());
      weight[slot] = wanted;
      used += wanted;
      if (storedUs) storedUs[slot] = timeUs;
      order.add(slot);
      return false;
    },
  };
}
