import { z } from "zod";

const count = z.number().int().min(0);

const node = z.strictObject({
  address: z.string(),
  problem: z.string().nullable().describe("why there is nothing else"),
  version: z.string().nullable(),
  replicas: count,
  policy: z.string().describe("what is evicted when it is full"),
  uptimeSec: z.number(),
  keys: count,
  hits: count,
  misses: count,
  hitRate: z.number().nullable().describe("since it was started; null: nothing was asked"),
  opsPerSec: z.number(),
  usedBytes: count,
  maxBytes: count.nullable(),
  fragmentation: z.number().nullable().describe("resident memory over used; below 1 it swaps"),
  evicted: count,
  expired: count,
  clients: count,
  sampledKeys: count,
});

const slowCommand = z.strictObject({
  command: z.string(),
  calls: count,
  meanUs: z.number(),
  p99Us: z.number().nullable(),
  address: z.string(),
});

const slowCall = z.strictObject({
  at: z.number().describe("ms since the epoch"),
  durationUs: z.number(),
  command: z.string().describe("with its key, never its value"),
  address: z.string(),
});

const foundKey = z.strictObject({ key: z.string(), type: z.string(), bytes: count, address: z.string() });

/** Of `ragctl cache stats`. */
export const cacheStatsResultSchema = z.strictObject({
  cluster: z.string(),
  at: z.number(),
  nodes: z.array(node),
  total: z.strictObject({
    keys: count,
    hits: count,
    misses: count,
    hitRate: z.number().nullable(),
    usedBytes: count,
    maxBytes: count.nullable(),
    evicted: count,
    expired: count,
    /** Of the fullest node's keys over the mean. */
    imbalance: z.number().nullable().describe("keys of the fullest node over the mean of all"),
  }),
  expiry: z
    .array(z.strictObject({ withinMs: z.number().nullable().describe("null: never"), keys: count }))
    .describe("how many keys end when: estimated from a sample, each key in the first row that it fits"),
  slowestCommands: z.array(slowCommand),
  slowLog: z.array(slowCall),
  bigKeys: z.array(foundKey).describe("of those sampled"),
  hotKeys: z.array(foundKey.extend({ frequency: z.number() })).describe("of those sampled, where the policy is LFU"),
});

export type CacheStatsResult = z.output<typeof cacheStatsResultSchema>;
export type CacheNodeStats = CacheStatsResult["nodes"][number];
