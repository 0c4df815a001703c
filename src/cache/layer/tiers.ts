import type { CacheStore } from "../contract.ts";
import type { FarStore, FarTier } from "./far.ts";

/** What the tiers hold under a key. `wrong-type`: something that is no value stands there, and may not be overwritten. */
type Held = { from: "memory" | "redis"; bytes: Buffer } | { from: "nowhere"; wrongType: boolean };

interface Placed {
  in: "redis" | "memory";
  reason?: string;
}

export interface Tiers {
  get(key: string): Promise<Held>;
  /**
   * @param near what memory keeps
   * @param far what Redis keeps; undefined: memory alone keeps it
   */
  set(key: string, bytes: { near: Buffer; far: Buffer | undefined }, ttlMs: number): Promise<Placed>;
}

interface TierParts {
  near: CacheStore;
  /** Absent: memory is all there is. */
  far?: { store: FarStore; tier: FarTier } | undefined;
  /** Memory answers first, for so long; else it stands by for when Redis fails. */
  nearFirst: boolean;
  nearTtlMs: number;
}

/** Memory before Redis, or Redis with memory standing by: in both, what Redis does not answer memory does. */
export function tiers({ near, far, nearFirst, nearTtlMs }: TierParts): Tiers {
  const nearHeld = async (key: string): Promise<Held> => {
    const bytes = await near.get(key);
    return bytes ? { from: "memory", bytes } : { from: "nowhere", wrongType: false };
  };
  if (!far)
    return {
      get: nearHeld,
      async set(key, bytes, ttlMs) {
        await near.set(key, bytes.near, ttlMs);
        return { in: "memory" };
      },
    };
  const { store, tier } = far;
  return {
    async get(key) {
      if (nearFirst) {
        const held = await nearHeld(key);
        if (held.from === "memory") return held;
      }
      const answer = await tier.ask(key, () => store.get(key));
      if (answer.state !== "ok") {
        const held = await nearHeld(key);
        return held.from === "nowhere" ? { from: "nowhere", wrongType: answer.state === "wrong-type" } : held;
      }
      if (answer.value) {
        await near.set(key, answer.value, nearTtlMs);
        return { from: "redis", bytes: answer.value };
      }
      // It was invalidated, or has ended: memory must not bring it back when Redis fails.
      await near.delete(key);
      return { from: "nowhere", wrongType: false };
    },
    async set(key, bytes, ttlMs) {
      await near.set(key, bytes.near, Math.min(ttlMs, nearTtlMs));
      const { far } = bytes;
      if (far === undefined) return { in: "memory" };
      const answer = await tier.ask(key, () => store.set(key, far, ttlMs));
      if (answer.state === "ok") return { in: "redis" };
      // Memory is all that has it.
      await near.set(key, bytes.near, ttlMs);
      return { in: "memory", reason: answer.reason };
    },
  };
}
