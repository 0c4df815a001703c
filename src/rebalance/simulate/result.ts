import { z } from "zod";
import { metrics } from "../../kmeans/contract.ts";

const share = z.number().min(0).max(1);

const probeSchema = z.object({
  probes: z.number().describe("shards asked by each query"),
  recall: share.describe("mean recall@k, ties counted as equal"),
  low: share.describe("of the 95 % interval of the mean"),
  high: share,
  fanOut: z.number().describe("shards asked by a query, on average"),
  nodesTouched: z.number().describe("nodes asked by a query, on average"),
  work: z.number().describe("rows in the shards asked ÷ all rows"),
  heatMaxOverMean: z.number().describe("requests of the busiest node ÷ mean"),
  oneDown: z
    .object({ mean: share, worst: share })
    .describe("recall while one node is down: the mean over which one, and the worst"),
});

const adaptiveSchema = z.object({
  reach: z.number().describe("cells whose centroid less reach × radius is beyond the k-th hit are passed over; 1 misses nothing"),
  calibratedOn: z.number().describe("queries that the reach was chosen on; the figures are of the others"),
  judgedOn: z.number(),
  recall: share,
  fanOut: z.number(),
  work: z.number(),
  fixed: z
    .object({ probes: z.number(), recall: share, work: z.number() })
    .describe("the fixed number chosen on the same queries, judged on the same others"),
});

const layoutSchema = z.object({
  name: z.string(),
  kind: z.enum(["semantic", "hash"]),
  shards: z.number(),
  sizeMaxOverMean: z.number(),
  copies: z.number().describe("rows kept in a second shard too ÷ rows"),
  reached: z.boolean().describe("whether fewer than all shards reach the target"),
  at: probeSchema.describe("the least number of probes that reaches the target"),
  owners: z
    .array(z.array(z.string()))
    .nullable()
    .describe("nodes that hold each shard, as a plan would place them; null: each shard is a node of its own"),
  sameProbes: z.number().describe("recall where as many shards are asked as the recommendation says"),
  adaptive: adaptiveSchema.nullable(),
  curve: z.array(probeSchema),
});

/** What `rebalance simulate` answers. */
export const simulateResultSchema = z.object({
  k: z.number(),
  queries: z.number().describe("different ones"),
  asked: z.number().describe("all of them, repetitions counted"),
  source: z.object({ vectors: z.string(), queries: z.string() }),
  rows: z.number(),
  dim: z.number(),
  metric: z.enum(metrics),
  target: share,
  nodes: z
    .object({ ids: z.array(z.string()), replicas: z.number() })
    .nullable()
    .describe("null: each shard is a node of its own"),
  curve: z.array(probeSchema).describe("of the first layout, probing 1 … all shards"),
  heat: z
    .object({
      probes: z.number(),
      maxOverMean: z.number(),
      shards: z.array(z.number()).describe("of each shard of the first layout, the share of the queries that ask it"),
    })
    .describe("requests by node, at the recommended probes"),
  layouts: z.array(layoutSchema),
  recommendation: z.object({
    layout: z.string(),
    probes: z.number(),
    of: z.number(),
    recall: share,
    workSaved: z.number().describe("1 − work"),
    heatMaxOverMean: z.number(),
    sentence: z.string(),
  }),
  seconds: z.number(),
});
export type SimulateResult = z.output<typeof simulateResultSchema>;
