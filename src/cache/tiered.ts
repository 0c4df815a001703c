import { RagctlError } from "../errors.ts";
import type { CacheStore } from "./contract.ts";

/** The near tier keeps nothing longer: another process may have changed the far one meanwhile. */
const nearTtlMs = 60_000;

/**
 * Memory before Redis: the near tier answers first, the far one is shared. When the far tier fails, work goes on from
 * memory, and `describe` says why.
 */
export function tieredCache(near: CacheStore, far: CacheStore): CacheStore {
  let problem: string | undefined;

  /** What the far tier says, or `otherwise` where it fails. */
  async function fromFar<T>(ask: () => Promise<T>, otherwise: T): Promise<T> {
    try {
      const answer = await ask();
      problem = undefined;
      return answer;
    } catch (error) {
      if (!(error instanceof RagctlError)) throw error;
      problem = error.message;
      return otherwise;
    }
  }

  return {
    async get(key) {
      const held = await near.get(key);
      if (held) return held;
      const value = await fromFar(() => far.get(key), undefined);
      if (value) await near.set(key, value, nearTtlMs);
      return value;
    },
    async set(key, value, ttlMs) {
      await near.set(key, value, Math.min(ttlMs, nearTtlMs));
      await fromFar(() => far.set(key, value, ttlMs), undefined);
    },
    async delete(key) {
      const here = await near.delete(key);
      const there = await fromFar(() => far.delete(key), false);
      return here || there;
    },
    ping: () => far.ping(),
    async describe() {
      const there = await far.describe();
      const trouble = there.problem ?? problem;
      return {
        ...there,
        driver: "tiered",
        ...(trouble ? { problem: trouble } : {}),
      };
    },
    async close() {
      await Promise.all([near.close(), far.close()]);
    },
  };
}
