import type { Capacity, SimulatedCache } from "./contract.ts";
import { simulatedLfu } from "./lfu.ts";
import { simulatedLru } from "./lru.ts";

/** What decides which entry goes when a cache is full. */
export const evictions = {
  lru: simulatedLru,
  lfu: simulatedLfu,
} as const satisfies Record<string, (capacity: Capacity) => SimulatedCache>;

export type Eviction = keyof typeof evictions;
