import { boundedCache, type Order } from "./bounded.ts";
import type { Capacity, SimulatedCache } from "./contract.ts";

/** The least recently used entry goes first. */
export function simulatedLru(capacity: Capacity): SimulatedCache {
  return boundedCache(capacity, lruOrder(capacity.slotCount));
}

/** One list, doubly linked in two arrays; the place after the last slot is its sentinel. */
function lruOrder(slotCount: number): Order {
  const before = new Int32Array(slotCount + 1).fill(slotCount);
  const after = new Int32Array(slotCount + 1).fill(slotCount);
  const remove = (slot: number) => {
    const [left, right] = [before[slot]!, after[slot]!];
    after[left] = right;
    before[right] = left;
  };
  const add = (slot: number) => {
    const last = before[slotCount]!;
    after[last] = slot;
    before[slot] = last;
    after[slot] = slotCount;
    before[slotCount] = slot;
  };
  return {
    add,
    remove,
    use(slot) {
      remove(slot);
      add(slot);
    },
    next: () => after[slotCount]!,
  };
}
