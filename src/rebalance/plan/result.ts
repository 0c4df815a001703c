import { z } from "zod";

const balanceSchema = z.object({
  nodes: z.array(
    z.object({ id: z.string(), share: z.number().describe("of all copies"), points: z.number(), bytes: z.number() }),
  ),
  maxOverMean: z.number(),
});

/** What `rebalance plan` and `rebalance show` answer. */
export const rebalancePlanSchema = z.object({
  planId: z.string(),
  createdAt: z.string(),
  cluster: z.string(),
  collection: z.string(),
  fingerprint: z.string().describe("SHA-256 of what the plan was made for"),
  from: z.string().describe("how points are placed now, in words"),
  to: z.string(),
  probes: z.number().nullable().describe("cells that a search asks afterwards; null: all"),
  changes: z.boolean().describe("whether there is anything to apply"),
  beside: z
    .string()
    .nullable()
    .describe("the collection that the nodes get beside the one that serves, until the switch; null: in place"),
  backfill: z.number().describe("points that get their cell stamped before anything moves"),
  groups: z.array(
    z.object({
      id: z.string(),
      cells: z.array(z.number()).nullable().describe("of the new model; null: ranges of hashes"),
      owners: z.array(z.string()),
      points: z.number(),
      bytes: z.number(),
    }),
  ),
  copies: z
    .object({
      keep: z.boolean().describe("whether they are made, or taken away"),
      ratio: z.number().nullable().describe("a second centroid at most so many times as far as the own one"),
      share: z.number().describe("of the points that one node or another holds besides"),
      points: z.number().describe("made, or taken away"),
      bytes: z.number(),
    })
    .nullable()
    .describe("near boundaries of cells; null: that stays as it is"),
  points: z.number().describe("copies written"),
  bytes: z.number(),
  movedFraction: z.number(),
  minimumFraction: z.number(),
  estimatedSeconds: z.number(),
  before: balanceSchema,
  after: balanceSchema,
  expected: z
    .object({
      k: z.number(),
      probes: z.number().nullable(),
      recall: z.number(),
      nodesTouched: z.number(),
      heatMaxOverMean: z.number().nullable(),
    })
    .nullable()
    .describe("of a search afterwards, as rebalance simulate found"),
  reverses: z.string().nullable(),
  notes: z.array(z.string()),
  file: z.string().nullable(),
});
export type RebalancePlanResult = z.output<typeof rebalancePlanSchema>;
