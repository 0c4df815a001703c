import { z } from "zod";

const share = z.number().min(0).max(1);
const sizeFields = {
  entries: z.number(),
  bytes: z.number(),
};

const pointSchema = z.object({
  ...sizeFields,
  missRatio: share.describe("of all references, first ones included; of both tiers together"),
  missRatioError: z.number().describe("one standard error of it; 0 where every key was looked at"),
  nearHitRatio: share.optional().describe("answered by the near tier"),
  farHitRatio: share.optional().describe("answered by the sized tier, as a share of all references"),
});
export type SizePoint = z.output<typeof pointSchema>;

const chosenSchema = z.object({
  ...sizeFields,
  hitRatio: share,
  hitRatioError: z.number(),
  doublingGain: z.number().describe("what twice the size adds to the hit ratio"),
  halvingLoss: z.number().describe("what half the size takes from it"),
  costPerMonth: z.number().nullable().describe("at --price; null without it"),
  costPerPoint: z.number().nullable().describe("of a further percentage point by doubling, a month, at --price"),
});
export type ChosenSize = z.output<typeof chosenSchema>;

/** The published result of `ragctl cache size`. */
export const cacheSizeResultSchema = z.object({
  source: z.object({
    kind: z.enum(["trace", "log"]),
    file: z.string(),
    format: z.enum(["keys", "queries", "csv", "jsonl"]),
  }),
  references: z.number(),
  distinct: z.number().describe("keys; an estimate where they were sampled"),
  coldMissRatio: share.describe("first references to a key, which no size of cache answers; the curve's floor"),
  policy: z.enum(["lru", "lfu"]),
  ttlMs: z.number().nullable(),
  near: z
    .object({ entries: z.number().nullable(), bytes: z.number().nullable(), ttlMs: z.number().nullable() })
    .nullable()
    .describe("the tier before the sized one"),
  method: z.enum(["exact", "shards"]),
  sampling: z
    .object({
      rate: z.number().describe("share of the keys that were looked at"),
      keys: z.number(),
      references: z.number(),
      seed: z.number(),
    })
    .nullable(),
  expectedError: z
    .object({ mean: z.number(), largest: z.number() })
    .describe(
      "one standard error of the miss ratio, judged from eight disjoint parts of the sample: its mean over a hundred evenly spread sizes, and the largest of the curve",
    ),
  entryBytes: z.object({
    mean: z.number(),
    source: z.enum(["trace", "flag", "assumed"]),
    overhead: z.number().describe("that the cache adds to each size of the trace"),
  }),
  axis: z.enum(["entries", "bytes"]).describe("what the simulated cache is limited by, where a size did not say"),
  curve: z.array(pointSchema).describe("ascending"),
  knee: chosenSchema,
  target: z
    .object({ hitRatio: share, reached: z.boolean(), size: chosenSchema.nullable() })
    .nullable()
    .describe("of --target-hit; size is null where no cache reaches it"),
  levels: z.array(chosenSchema).describe("the least sizes for round hit ratios"),
  recommendation: chosenSchema.extend({ reason: z.string() }),
  price: z.number().nullable().describe("of a GiB a month"),
  notes: z.array(z.string()),
});
export type CacheSizeResult = z.output<typeof cacheSizeResultSchema>;
