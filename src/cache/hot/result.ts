import { z } from "zod";

/** Of `ragctl cache hot`. */
export const cacheHotResultSchema = z.strictObject({
  cluster: z.string(),
  source: z
    .enum(["hotkeys", "lfu", "popularity"])
    .describe("Redis's own HOTKEYS, its LFU counters, or the questions that applications recorded"),
  because: z.string().describe("why this source, and what its figures mean"),
  windowMs: z.number().nullable().describe("how long was looked at; null: all that is remembered"),
  keys: z.array(
    z.strictObject({
      key: z.string().nullable().describe("null: a question, which may be cached under several keys"),
      query: z.string().nullable().describe("what was asked, where it is known"),
      address: z.string().nullable(),
      /** Of `hotkeys`: µs of the server's time; of `lfu`: the counter; of `popularity`: references, decayed. */
      score: z.number(),
      unit: z.enum(["cpuUs", "lfuCounter", "references"]),
      share: z.number().nullable().describe("of all references, or of the server's time"),
      error: z.number().nullable().describe("by how much the score may be too high"),
    }),
  ),
  sampledKeys: z.number().int().nullable(),
});

export type CacheHotResult = z.output<typeof cacheHotResultSchema>;
export type HotKey = CacheHotResult["keys"][number];
