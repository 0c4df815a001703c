import { z } from "zod";

const count = z.number().int().min(0);

/** Of `ragctl cache invalidate`. */
export const cacheInvalidateResultSchema = z.strictObject({
  cluster: z.string(),
  patterns: z.array(z.string()),
  dryRun: z.boolean(),
  matched: count.describe("keys that the dry run found"),
  unlinked: count,
  failed: count.describe("keys that are still there"),
  nodes: z.array(
    z.strictObject({
      address: z.string(),
      scanned: count,
      matched: count,
      unlinked: count,
      failed: count,
      problem: z.string().nullable(),
    }),
  ),
  examples: z.array(z.string()).describe("some of the keys"),
});

export type CacheInvalidateResult = z.output<typeof cacheInvalidateResultSchema>;
