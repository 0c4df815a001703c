import { z } from "zod";

/** What `ragctl shard apply` answers. */
export const shardApplySchema = z.object({
  planId: z.string(),
  cluster: z.string(),
  collection: z.string(),
  topology: z.enum(["routed", "native"]),
  state: z.enum(["finished", "interrupted", "aborted"]).describe("interrupted: --resume goes on"),
  steps: z.object({ total: z.number(), done: z.number().describe("in all, earlier runs included") }),
  points: z.number().describe("copies written by this run"),
  bytes: z.number(),
  epoch: z.number().nullable().describe("of the routing table afterwards; null: native"),
  resumed: z.boolean().describe("the plan had been begun before"),
  elapsedMs: z.number(),
  notes: z.array(z.string()).describe("what went on: pauses, waits, retries"),
});
export type ShardApplyResult = z.output<typeof shardApplySchema>;

/** What `ragctl shard verify` answers. */
export const shardVerifySchema = z.object({
  cluster: z.string(),
  collection: z.string(),
  clean: z.boolean(),
  checked: z.number().describe("distinct points"),
  missing: z.number().describe("points that a serving owner lacks"),
  orphaned: z.number().describe("points on a node that does not own them"),
  different: z.number().describe("points that owners hold in different versions, or with different contents"),
  sampledVectors: z.number().describe("points whose vectors and payloads were compared whole"),
  nodes: z.array(
    z.object({
      id: z.string(),
      state: z.string(),
      points: z.number().nullable().describe("null: it was not asked"),
      checksum: z.string().nullable().describe("of ids and versions, whatever their order"),
      missing: z.number(),
      orphaned: z.number(),
      different: z.number(),
    }),
  ),
  examples: z.array(
    z.object({ key: z.string(), problem: z.enum(["missing", "orphaned", "different"]), node: z.string(), detail: z.string() }),
  ),
  moves: z.number().describe("moves in flight: what they copy is no orphan"),
  epoch: z.number().nullable(),
  repaired: z.object({ copied: z.number(), deleted: z.number() }).nullable().describe("null: --repair was not given"),
  problems: z.array(z.string()).describe("of a native cluster, a sentence each"),
});
export type ShardVerifyResult = z.output<typeof shardVerifySchema>;

/** What `ragctl shard repair` answers. */
export const shardRepairSchema = z.object({
  cluster: z.string(),
  repaired: z.array(z.object({ collection: z.string(), node: z.string(), points: z.number(), elapsedMs: z.number() })),
  stale: z.array(z.object({ collection: z.string(), node: z.string(), reason: z.string() })).describe("still so, and why"),
});
export type ShardRepairResult = z.output<typeof shardRepairSchema>;

/** What `ragctl shard reverse` answers. */
export const shardReverseSchema = z.object({
  planId: z.string(),
  reverses: z.string(),
  cluster: z.string(),
  collection: z.string(),
  steps: z.number(),
  points: z.number(),
  bytes: z.number(),
  movedFraction: z.number(),
  file: z.string().nullable(),
});
export type ShardReverseResult = z.output<typeof shardReverseSchema>;

/** What `ragctl shard adopt` answers. */
export const shardAdoptSchema = z.object({
  cluster: z.string(),
  collection: z.string(),
  points: z.number().describe("copies seen on all nodes"),
  stamped: z.number().describe("copies that got their fields in this run"),
  members: z.array(z.string()),
  joining: z.array(z.string()),
  epoch: z.number(),
});
export type ShardAdoptResult = z.output<typeof shardAdoptSchema>;

const lock = z.object({
  name: z.string(),
  purpose: z.string(),
  host: z.string(),
  pid: z.number(),
  alive: z.boolean().nullable().describe("null: of another machine, which cannot be told from here"),
  acquiredAtMs: z.number(),
  remainingMs: z.number().describe("of its lease; negative: over"),
  token: z.number(),
});

/** What `ragctl lock show` and `lock release` answer. */
export const lockSchema = z.object({
  cluster: z.string(),
  store: z.string(),
  locks: z.array(lock).describe("held, or never given back"),
  released: z.array(z.string()),
});
export type LockResult = z.output<typeof lockSchema>;
