import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { z } from "zod";
import { usageError, type Problem } from "../errors.ts";
import type { Plan } from "../sharding/plan/contract.ts";

const id = z.string().min(1);
const amount = { points: z.number().nonnegative(), bytes: z.number().nonnegative() };
const range = z.tuple([z.number().nonnegative(), z.number().positive()]);
const hash = z.enum(["xxh32", "md5-32", "md5-128"]);
const selector = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("ranges"), ranges: z.array(range).min(1) }),
  z.strictObject({ kind: z.literal("cells"), cells: z.array(z.number().int().nonnegative()).min(1) }),
]);
const partitioner = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("ring"),
    virtualNodes: z.number().int().positive(),
    hash,
    loadBound: z.number().positive().optional(),
  }),
  z.strictObject({ kind: z.literal("rendezvous"), hash }),
  z.strictObject({ kind: z.literal("range"), hash, bounds: z.array(z.number()) }),
  z.strictObject({
    kind: z.literal("semantic"),
    hash,
    modelId: z.string(),
    centroids: z.array(z.array(z.number())).min(1),
    offsets: z.array(z.number()).optional(),
    probes: z.number().int().positive().optional(),
    field: z.string().optional(),
    owners: z.array(z.array(id).min(1)).optional(),
  }),
]);
const native = z.strictObject({
  kind: z.literal("native"),
  peers: z.record(z.string(), z.number()),
  shards: z.array(z.strictObject({ id: z.number(), key: z.union([z.string(), z.number()]).optional(), on: z.array(z.string()) })),
});
const spill = z.strictObject({ ratio: z.number().min(1) }).optional();
const layout = z.strictObject({
  partitioner,
  spill,
  replicas: z.number().int().positive(),
  members: z.array(id).min(1),
  nodes: z.record(z.string(), z.strictObject({ url: z.url(), zone: z.string().optional(), weight: z.number().positive() })),
});
const keyed = {
  sharding: z.strictObject({
    byKey: z.boolean(),
    shards: z.number().int().positive(),
    replicas: z.number().int().positive(),
  }),
  keys: z.array(z.strictObject({ key: id, on: z.array(id).min(1), ...amount })),
};
const copiesDuring = z.number();
const step = z.discriminatedUnion("kind", [
  z.strictObject({ id, kind: z.literal("copy"), from: id, to: id, replaces: id.nullable(), selector, copiesDuring, ...amount }),
  z.strictObject({ id, kind: z.literal("stamp"), partitioner }),
  z.strictObject({ id, kind: z.literal("backfill"), field: z.string().min(1), ...amount }),
  z.strictObject({
    id,
    kind: z.literal("regroup"),
    into: selector,
    owners: z.array(id).min(1),
    back: z.boolean().optional(),
    copiesDuring,
    ...amount,
  }),
  z.strictObject({ id, kind: z.literal("spill-stamp"), ratio: z.number().min(1) }),
  z.strictObject({ id, kind: z.literal("spill-copy"), copiesDuring, ...amount }),
  z.strictObject({ id, kind: z.literal("spill-end"), ...amount }),
  z.strictObject({ id, kind: z.literal("build"), physical: id, partitioner, copiesDuring, ...amount }),
  z.strictObject({ id, kind: z.literal("drop-layout") }),
  z.strictObject({
    id,
    kind: z.literal("rekey"),
    physical: id,
    partitioner,
    ...keyed,
    was: z.strictObject(keyed),
    copiesDuring,
    ...amount,
  }),
  z.strictObject({ id, kind: z.literal("settle"), layout }),
  ...(["move-shard", "replicate-shard", "drop-replica"] as const).map((kind) =>
    z.strictObject({ id, kind: z.literal(kind), shardId: z.number(), from: id, to: id.optional(), copiesDuring, ...amount }),
  ),
]);
const balance = z.object({ nodes: z.array(z.unknown()), maxOverMean: z.number().nullable(), deviation: z.number().nullable() });

/** A plan document; what only people read of it is not looked at closely. */
const planSchema = z.object({
  schemaVersion: z.literal(1, { error: "expected a plan of version 1" }),
  kind: z.enum(["shard", "rebalance"], { error: "expected a plan of kind shard or rebalance" }),
  planId: z.string().regex(/^[\w.-]{1,100}$/, "expected letters, digits, '.', '_' or '-'"),
  createdAt: z.string(),
  cluster: z.string(),
  topology: z.enum(["routed", "native"]),
  collection: z.string().min(1),
  offline: z.boolean(),
  fingerprint: z.strictObject({
    members: z.array(z.strictObject({ id, weight: z.number(), zone: z.string().optional() })),
    partitioner: z.union([partitioner, native]),
    replicas: z.number().int().positive(),
    spill,
    digest: z.string(),
  }),
  steps: z.array(step).refine((steps) => new Set(steps.map((one) => one.id)).size === steps.length, "two steps have one id"),
  price: z.object(amount),
  before: balance,
  predicted: balance,
  reverses: z.string().optional(),
});

/** @throws RagctlError exit 2 where the file cannot be read, is not JSON or is not a plan, with every problem at once */
export function readPlan(cwd: string, file: string): Plan {
  const problem = (found: Omit<Problem, "file">[]) =>
    usageError(
      found.map((one) => ({ file, ...one })),
      { code: "plan-invalid", hint: "ragctl shard plan -o writes one" },
    );
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(resolve(cwd, file), "utf8"));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const reasons: Record<string, string> = {
      ENOENT: "there is no such file",
      EISDIR: "is a directory",
      EACCES: "may not be read",
    };
    throw problem([{ message: reasons[code ?? ""] ?? `is not JSON: ${message}` }]);
  }
  const parsed = planSchema.safeParse(value);
  if (!parsed.success) throw problem(parsed.error.issues.map(({ path, message }) => ({ path: path.join("."), message })));
  // What the schema leaves open is for people, and taken as it is.
  return value as Plan;
}
