import { embedRedis } from "../redis.ts";
import type { VectorMemo } from "./contract.ts";
import { fromBytes, toBytes } from "./embedder.ts";

/** What nobody asked for in this time goes. */
const keptSec = 30 * 24 * 3600;

/** A memo that processes of several machines share. */
export async function redisMemo(url: string): Promise<VectorMemo> {
  const redis = await embedRedis(url);
  const nameOf = (key: string) => `ragctl:embedding:${key}`;
  return {
    async get(keys) {
      if (keys.length === 0) return [];
      const held = await redis.mgetBuffer(...keys.map(nameOf));
      return held.map(fromBytes);
    },
    async put(entries) {
      const pipeline = redis.pipeline();
      for (const [key, vector] of entries) pipeline.set(nameOf(key), toBytes(vector), "EX", keptSec);
      const answers = (await pipeline.exec()) ?? [];
      const failed = answers.find(([error]) => error);
      if (failed) throw failed[0]!;
    },
    async close() {
      redis.disconnect();
    },
  };
}
