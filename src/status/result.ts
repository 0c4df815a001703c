import { z } from "zod";

const health = z.enum(["healthy", "degraded", "unhealthy", "dead"]);
export type Health = z.output<typeof health>;

const nodeCollection = z.object({
  /** Null where the node could not be asked. */
  points: z.number().nullable(),
  /** In the collection's routing table; null where it has none, or the table does not name the node. */
  state: z.enum(["joining", "serving", "stale", "leaving"]).nullable(),
});

const node = z.object({
  id: z.string(),
  url: z.string(),
  health,
  zone: z.string().nullable(),
  version: z.string().nullable(),
  /** Of all collections; copies, not distinct points. Null where the node could not be asked. */
  points: z.number().nullable(),
  /** Of the health request. */
  latencyMs: z.number().nullable(),
  problem: z.string().nullable(),
  collections: z.record(z.string(), nodeCollection),
});

const collection = z.object({
  name: z.string(),
  /** Over all nodes that answered. */
  copies: z.number(),
  replicas: z.number().nullable(),
  epoch: z.number().nullable(),
  /** Whether there is a routing table for it. */
  routed: z.boolean(),
});

const cache = z.object({
  driver: z.string(),
  ok: z.boolean(),
  endpoints: z.array(z.string()),
  latencyMs: z.number().nullable(),
  usedBytes: z.number().nullable(),
  maxBytes: z.number().nullable(),
  entries: z.number().nullable(),
  problem: z.string().nullable(),
  /** What applications that use ragctl's layer do while it does not answer; null where it answers. */
  meanwhile: z.literal("goes on from memory").nullable(),
});

/** A fault that was injected on purpose, by the journal of this machine. */
const fault = z.object({
  id: z.string(),
  fault: z.string(),
  target: z.string(),
  since: z.number(),
  /** Null: it lasts until it is healed by hand. */
  leaseEndsAt: z.number().nullable(),
  probe: z.enum(["active", "gone", "unknown"]),
});

/** What `ragctl status` and `ragctl up` answer. */
export const statusSchema = z.object({
  cluster: z.string(),
  topology: z.enum(["native", "routed"]),
  nodes: z.array(node),
  collections: z.array(collection),
  cache: cache.nullable(),
  /** Those of zones that have one of their own. */
  zoneCaches: z.array(cache.extend({ zone: z.string() })).optional(),
  /** Faults on this cluster that last. */
  faults: z.array(fault),
  /** As the config has them: milliseconds and fractions. */
  objectives: z.record(z.string(), z.number()),
  at: z.number(),
});
export type StatusResult = z.output<typeof statusSchema>;
export type NodeStatus = StatusResult["nodes"][number];
export type FaultOnCluster = z.output<typeof fault>;
export type CacheStatus = z.output<typeof cache>;
