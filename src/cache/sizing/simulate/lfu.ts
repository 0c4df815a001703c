import { grown } from "../key-table.ts";
import { boundedCache, type Order } from "./bounded.ts";
import type { Capacity, SimulatedCache } from "./contract.ts";

/**
 * The least frequently used entry goes first, and of several the one that was used longest ago. Uses are counted while an entry is in the cache,
 * and do not age: the textbook's LFU, which Redis's allkeys-lfu (a logarithmic counter that decays, and five samples) comes near to.
 */
export function simulatedLfu(capacity: Capacity): SimulatedCache {
  return boundedCache(capacity, lfuOrder(capacity.slotCount));
}

/** A list for each count (Shah, Mitra, Matani: "An O(1) algorithm for implementing the LFU cache eviction scheme"), over arrays. */
function lfuOrder(slotCount: number): Order {
  const before = new Int32Array(slotCount);
  const after = new Int32Array(slotCount);
  const uses = new Int32Array(slotCount);
  // By count of uses: first and last slot + 1, zero where there is none.
  let first = new Int32Array(64);
  let last = new Int32Array(64);
  let least = 1;

  const append = (slot: number) => {
    const count = uses[slot]!;
    first = grown(first, count + 1);
    last = grown(last, count + 1);
    const tail = last[count]!;
    before[slot] = tail;
    after[slot] = 0;
    if (tail === 0) first[count] = slot + 1;
    else after[tail - 1] = slot + 1;
    last[count] = slot + 1;
  };
  const remove = (slot: number) => {
    const count = uses[slot]!;
    const [left, right] = [before[slot]!, after[slot]!];
    if (left === 0) first[count] = right;
    else after[left - 1] = right;
    if (right === 0) last[count] = left;
    else before[right - 1] = left;
  };
  return {
    remove,
    add(slot) {
      uses[slot] = 1;
      least = 1;
      append(slot);
    },
    use(slot) {
      remove(slot);
      uses[slot]!++;
      append(slot);
    },
    next() {
      while (first[least] === 0) least++;
      return first[least]! - 1;
    },
  };
}
