import { z } from "zod";
import { algorithms, metrics } from "./contract.ts";

/** What `rebalance fit` answers. */
export const fitResultSchema = z.object({
  model: z.string().describe("the file that it was written to"),
  modelId: z.string(),
  source: z.string(),
  vectors: z.number().describe("rows of the source, all of which were assigned"),
  sampling: z
    .object({
      points: z.number().describe("that the collection holds"),
      read: z.number(),
      shareError: z.number().describe("± of any shard's share, at 95 %"),
      inertiaError: z.number().describe("± of the inertia a point, as a share of it, at 95 %"),
      maxOverMeanError: z.number().describe("± of the largest shard ÷ mean, at 95 %"),
    })
    .nullable()
    .describe("what a sample of a collection leaves uncertain; null where all of it was read"),
  sample: z.number().describe("rows that the centroids were fitted on"),
  dim: z.number(),
  metric: z.enum(metrics),
  algorithm: z.enum(algorithms),
  seed: z.number(),
  inertia: z.number().describe("sum of squared distances over all rows; under cosine Σ 2(1 − cos), under dot Σ 2(‖x‖ − x·c)"),
  iterations: z.number(),
  distancesShare: z.number().describe("of the distances of plain Lloyd that were computed; 1 for mini-batch"),
  maxOverMean: z.number().describe("largest shard ÷ mean"),
  seconds: z.number().describe("of the fit and the assignment of all rows"),
  readSeconds: z.number().describe("of reading the sample, before the fit"),
  kernel: z.string().describe("relaxed (multiply and add fused) or simd"),
  spill: z.object({ ratio: z.number(), share: z.number().describe("of the rows kept in a second cell too") }).nullable(),
  shards: z.array(
    z.object({
      id: z.number(),
      size: z.number(),
      share: z.number(),
      inertia: z.number(),
      radius: z.number().describe("distance of the farthest row"),
    }),
  ),
});
export type FitResult = z.output<typeof fitResultSchema>;
