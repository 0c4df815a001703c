import { z } from "zod";
import { transferKinds } from "../sharding/movement.ts";

/** What `shard plan`, `shard route` and `shard status` answer. */

const selectorSchema = z.union([
  z.object({ kind: z.literal("ranges"), ranges: z.array(z.tuple([z.number(), z.number()])) }),
  z.object({ kind: z.literal("cells"), cells: z.array(z.number()) }),
  z.object({ kind: z.literal("shard"), shardId: z.number() }),
]);

const balanceSchema = z.object({
  nodes: z.array(
    z.object({
      id: z.string(),
      share: z.number().describe("of all copies"),
      points: z.number(),
      bytes: z.number(),
      queriesPerSec: z.number().optional(),
    }),
  ),
  maxOverMean: z.number().describe("by intended weights"),
  deviation: z.number().describe("standard deviation ÷ mean"),
});

const moveSchema = z.object({
  id: z.string(),
  kind: z.enum([...transferKinds, "move-shard", "replicate-shard", "drop-replica"]),
  from: z.string(),
  to: z.string(),
  replaces: z.string().nullable(),
  points: z.number(),
  bytes: z.number(),
  selector: selectorSchema,
  copiesDuring: z.number().describe("copies that serve while it runs"),
});

export const shardPlanSchema = z.object({
  planId: z.string(),
  createdAt: z.string(),
  cluster: z.string(),
  topology: z.enum(["routed", "native"]),
  collection: z.string(),
  offline: z.boolean(),
  fingerprint: z.string().describe("SHA-256 of what the plan was made for"),
  placement: z.string().describe("how keys are placed, in words"),
  replicas: z.object({ before: z.number(), after: z.number() }),
  added: z.array(z.string()),
  removed: z.array(z.string()),
  changes: z.boolean().describe("whether there is anything to apply"),
  balanced: z.object({
    before: z.boolean(),
    after: z.boolean(),
    limit: z.number().describe("largest ÷ mean that counts as balanced"),
  }),
  movedFraction: z.number(),
  primaryChangedFraction: z.number(),
  minimumFraction: z.number(),
  points: z.number().describe("copies written"),
  bytes: z.number(),
  estimatedSeconds: z.number(),
  maxRate: z.object({ per: z.enum(["points", "bytes"]), perSec: z.number() }).describe("that the time is reckoned with"),
  before: balanceSchema,
  after: balanceSchema,
  moves: z.array(moveSchema),
  weights: z.record(z.string(), z.object({ before: z.number(), after: z.number() })).describe("those that change"),
  part: z.number().describe("of the way, where --max-moves or --max-bytes end it early; else 1"),
  notes: z.array(z.string()).describe("what was assumed, left out, or is at risk"),
  file: z.string().nullable(),
});
export type ShardPlanResult = z.output<typeof shardPlanSchema>;

export const shardRouteSchema = z.object({
  source: z.string().describe("the nodes of the flags, or a table with its epoch"),
  routes: z
    .array(
      z.object({
        id: z.string(),
        primary: z.string(),
        replicas: z.array(z.string()).describe("all owners, the primary first"),
      }),
    )
    .describe("empty where they went to a file"),
  ids: z.number(),
  primaries: z.record(z.string(), z.number()).describe("ids by primary"),
  file: z.string().nullable(),
});
export type ShardRouteResult = z.output<typeof shardRouteSchema>;

export const shardStatusSchema = z.object({
  cluster: z.string(),
  topology: z.enum(["routed", "native"]),
  tables: z.array(
    z.object({
      collection: z.string(),
      epoch: z.number(),
      placement: z.string(),
      replicas: z.number(),
      nodes: z.array(
        z.object({
          id: z.string(),
          state: z.enum(["joining", "serving", "stale", "leaving"]),
          quiet: z.boolean().describe("a write to it was not answered: nobody writes to it for now"),
          weight: z.number(),
          zone: z.string().nullable(),
          share: z.number().describe("of all copies, by what it owns now"),
          points: z.number().nullable().describe("counted on the node; null where it does not answer"),
          url: z.string(),
        }),
      ),
      maxOverMean: z.number(),
      unservedShare: z.number().describe("of the positions: no owner answers reads"),
      moves: z.array(
        z.object({
          id: z.string(),
          phase: z.enum(["announced", "paused", "cutover"]),
          repair: z.boolean(),
          from: z.string(),
          to: z.string(),
          replaces: z.string().nullable(),
          share: z.number().describe("of the positions"),
          pause: z.number(),
        }),
      ),
    }),
  ),
  locks: z.array(
    z.object({
      name: z.string(),
      host: z.string(),
      pid: z.number(),
      purpose: z.string(),
      token: z.number(),
      acquiredAt: z.number(),
      remainingMs: z.number(),
    }),
  ),
  clients: z.number().describe("leases that have not ended"),
  native: z
    .object({
      collection: z.string(),
      shards: z.array(
        z.object({
          id: z.number(),
          points: z.number(),
          bytes: z.number(),
          replicas: z.array(z.object({ node: z.string(), state: z.string() })),
        }),
      ),
      transfers: z.array(z.object({ shardId: z.number(), from: z.string(), to: z.string(), comment: z.string().nullable() })),
      quorum: z.boolean(),
      leader: z.string().nullable(),
      notes: z.array(z.string()),
    })
    .nullable(),
});
export type ShardStatusResult = z.output<typeof shardStatusSchema>;
