import { z } from "zod";

const sideSchema = z.object({
  inertiaPerPoint: z.number(),
  sizeMaxOverMean: z.number(),
  recall: z.number().describe("recall@k of the queries, asking as many cells as the collection does (all: 1)"),
  probes: z.number().describe("cells that a search asks"),
  probesForTarget: z.number().describe("the least number that reaches the target"),
  work: z.number().describe("share of all points in the cells of probesForTarget"),
  heatMaxOverMean: z.number().describe("requests of the busiest node ÷ mean, at probesForTarget"),
});

/** What `rebalance drift` answers. */
export const rebalanceDriftSchema = z.object({
  cluster: z.string(),
  collection: z.string(),
  modelId: z.string(),
  points: z.number(),
  sample: z.number().describe("points that this was found on"),
  k: z.number(),
  queries: z.number(),
  target: z.number(),
  fitted: z
    .object({ points: z.number(), inertiaPerPoint: z.number(), sizeMaxOverMean: z.number() })
    .nullable()
    .describe("as the model's file has it, from when it was fitted; null: without --model nobody knows"),
  now: sideSchema.describe("the model, on what is there now"),
  refit: sideSchema.describe("a model fitted to what is there now"),
  shards: z.array(
    z.object({
      id: z.number(),
      fittedShare: z.number().nullable(),
      share: z.number(),
      heat: z.number().describe("share of the queries that ask it, at probesForTarget"),
      inertiaPerPoint: z.number(),
    }),
  ),
  moved: z
    .number()
    .describe("total variation between the shares of then and now: points that are in other cells than they would have been"),
  sampleError: z.number().describe("± of the inertia a point, as a share of it, at 95 %"),
  refitPays: z.boolean(),
  reasons: z.array(z.string()).describe("why, or why not"),
});
export type RebalanceDriftResult = z.output<typeof rebalanceDriftSchema>;
