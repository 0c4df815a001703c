import { z } from "zod";

const count = z.number().int().min(0);

/** How a release was looked at before it may serve. */
const verificationSchema = z.object({
  ok: z.boolean(),
  points: count.describe("distinct points"),
  expected: count.nullable().describe("what the ingest says that it holds; null: not known"),
  replicas: z
    .object({ missing: count, orphaned: count, different: count })
    .nullable()
    .describe("compared id by id and version by version; null: the store keeps its replicas alike by itself"),
  recall: z.array(
    z.object({
      node: z.string(),
      queries: count,
      recall: z
        .number()
        .min(0)
        .max(1)
        .nullable()
        .describe("mean of the node's own answers against its exact ones; null: nothing to ask with"),
    }),
  ),
  k: count,
  minRecall: z.number(),
  problems: z.array(z.string()),
});
export type Verification = z.output<typeof verificationSchema>;

/** What became of the alias. */
const switchSchema = z.object({
  alias: z.string(),
  from: z.string().nullable(),
  to: z.string(),
  decided: z.boolean().describe("ragctl's clients read the new one"),
  nodes: z.array(z.object({ id: z.string(), state: z.enum(["switched", "waiting"]), reason: z.string().optional() })),
});
export type SwitchResult = z.output<typeof switchSchema>;

/** What an ingest with --into-new adds to its result. */
export const releaseOutcomeSchema = z.object({
  alias: z.string(),
  release: z.string(),
  collection: z.string(),
  verification: verificationSchema.nullable().describe("null: the ingest did not come to it"),
  switch: switchSchema.nullable().describe("null: nothing was switched"),
  reason: z.string().nullable().describe("why nothing was switched"),
  dropped: z.array(z.string()).describe("collections of releases that are not kept"),
});
export type ReleaseOutcome = z.output<typeof releaseOutcomeSchema>;

/** What `ragctl ingest rollback` answers. */
export const rollbackSchema = z.object({
  cluster: z.string(),
  settled: z.enum(["undone", "finished", "unfinished"]).nullable().describe("what became of a switch that somebody had left"),
  switch: switchSchema,
});
export type RollbackResult = z.output<typeof rollbackSchema>;

/** One alias, as `ragctl ingest status` shows it. */
export const aliasStatusSchema = z.object({
  alias: z.string(),
  collection: z.string().nullable(),
  settled: z.enum(["undone", "finished", "unfinished"]).nullable().describe("what became of a switch that somebody had left"),
  switching: z
    .object({ to: z.string(), phase: z.enum(["preparing", "committing"]), done: z.array(z.string()), nodes: z.array(z.string()) })
    .nullable(),
  nodes: z.array(
    z.object({
      id: z.string(),
      collection: z.string().nullable().describe("what the node itself answers under the alias; null: nothing"),
      problem: z.string().nullable(),
    }),
  ),
  releases: z.array(
    z.object({
      id: z.string(),
      collection: z.string(),
      state: z.enum(["building", "ready", "serving", "before"]),
      points: count.nullable(),
      createdAtMs: z.number(),
      servedAtMs: z.number().nullable(),
    }),
  ),
});
export type AliasStatus = z.output<typeof aliasStatusSchema>;
