import { z } from "zod";
import { worths } from "./contract.ts";
import { objections } from "./pace/controller.ts";

const count = z.number().int().min(0);
const share = z.number().min(0).max(1);
const reasons = z.array(z.object({ reason: z.string(), count }));
const saving = z.object({ latencyMs: z.number(), tokens: z.number(), money: z.number() });

const planSchema = z.object({
  source: z.object({
    kind: z.enum(["log", "popular", "file"]),
    file: z.string().nullable(),
    references: z.number().describe("that the ranking was made from"),
    distinct: count,
    heldOut: z.number().describe("references that were kept back to judge by"),
  }),
  queries: count,
  limitedBy: z.enum(["top", "threshold", "queries", "bytes", "time", "cache"]).nullable(),
  rankedBy: z.enum(worths),
  unseenShare: share.describe("of the next questions, those that nobody asked before (Good-Turing)"),
  predictedHitRate: share.nullable(),
  predictedError: z.number().describe("one standard error of achieved less predicted, from the sizes of both samples"),
  expiredShare: share.describe("of the hit rate, what is lost because entries end before the last one is stored"),
  savedPer1000: saving.describe("expected of a thousand questions"),
  entryBytes: z.number().nullable().describe("that one query takes in the cache, measured; null where an application stores it"),
  bytes: z.number().nullable(),
  freeBytes: z.number().nullable().describe("in the cache; null without a limit, or where it cannot be seen"),
  latencyMs: z.number().describe("that a miss takes, measured on a few"),
  leastTimeMs: z.number().describe("at the greatest rate, were nothing ever to object"),
  ttlMs: z.number().nullable(),
  first: z
    .array(z.object({ query: z.string(), count: z.number(), probability: share, saving }))
    .describe("the ten that are worth most"),
  spread: z.array(z.object({ address: z.string(), keys: count })).describe("keys by primary of the cache"),
});
export type WarmPlanResult = z.output<typeof planSchema>;

const hitRates = z.object({
  references: z.number(),
  hits: z.number(),
  hitRate: share,
  plannedHitRate: share.describe("hits on queries of the plan alone"),
});

/** The published result of `ragctl cache warm`. */
export const cacheWarmResultSchema = z.object({
  runId: z.string().nullable().describe("null for a dry run"),
  cluster: z.string(),
  through: z.object({ kind: z.enum(["cluster", "endpoint"]), name: z.string().describe("the collection, or the endpoint") }),
  dryRun: z.boolean(),
  planned: count,
  warmed: count,
  skipped: count.describe("were warm and fresh"),
  failed: count,
  left: count.describe("not begun, because the run was stopped"),
  predictedHitRate: share.nullable().describe("null where a plain list says nothing of how often each query is asked"),
  achievedHitRate: share
    .nullable()
    .describe("of the held-out part of the log, replayed without filling; null where there is none"),
  before: hitRates.nullable().describe("the same replay before warming began"),
  after: hitRates.nullable(),
  retried: z.object({ queries: count, attempts: count, reasons }),
  failures: reasons,
  stopped: z.enum(["done", "time", "cache-full", "interrupted"]).nullable(),
  plan: planSchema,
  guard: z.object({
    on: z.boolean(),
    objectiveMs: z.number().describe("of a search, 99th percentile"),
    objectiveFrom: z.enum(["config", "measured", "flag"]),
    objections: z.partialRecord(z.enum(objections), count).describe("quarters of a second in which each objected"),
    evicted: count,
  }),
  pace: z
    .array(
      z.object({
        atMs: z.number(),
        ratePerSec: z.number(),
        searches: count,
        p99Us: z.number().nullable(),
        objection: z.enum(objections).nullable(),
      }),
    )
    .describe("a quarter of a second each"),
  elapsedMs: z.number(),
  resumed: count.describe("done with by earlier attempts at this run"),
  notes: z.array(z.string()),
});
export type CacheWarmResult = z.output<typeof cacheWarmResultSchema>;
