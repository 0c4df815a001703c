import { z } from "zod";
import { aliasStatusSchema } from "../../releases/result.ts";

const count = z.number().int().min(0);
const documents = z.object({ read: count, ok: count, unchanged: count, skipped: count, dead: count });
const chunks = z.object({ written: count, unchanged: count, deleted: count });

/** What `ragctl ingest enqueue` answers. */
export const enqueueSchema = z.object({
  batch: z.string(),
  cluster: z.string(),
  collection: z.string(),
  queue: z.string(),
  files: count,
  jobs: count.describe("stretches of files that workers take one at a time"),
  bytes: count,
  retried: count.describe("with --retry: jobs that had been given up on"),
  interrupted: z.boolean(),
});
export type EnqueueResult = z.output<typeof enqueueSchema>;

/** What `ragctl ingest worker` answers when it ends. */
export const workerSchema = z.object({
  worker: z.string(),
  cluster: z.string(),
  queue: z.string(),
  jobs: z.object({ done: count, failed: count.describe("given back, to be tried again or given up on") }),
  documents,
  chunks,
  bytes: count,
  elapsedMs: z.number(),
  ended: z.enum(["interrupted", "empty"]).describe("empty: --until-empty, and nothing was left"),
});
export type WorkerResult = z.output<typeof workerSchema>;

const jobCounts = z.object({ waiting: count, active: count, delayed: count, failed: count });

const queueStatusSchema = z.object({
  queue: z.string(),
  jobs: jobCounts.describe("delayed: tried, and waiting to be tried again; failed: given up on"),
  rates: z
    .object({ documentsPerSec: z.number(), chunksPerSec: z.number(), bytesPerSec: z.number() })
    .describe("of the jobs that ended in the last minute"),
  batches: z.array(
    z.object({
      id: z.string(),
      collection: z.string(),
      paths: z.array(z.string()),
      enqueuedAtMs: z.number(),
      complete: z.boolean().describe("false: more jobs are coming, or its enqueue was stopped"),
      jobs: z.object({ total: count, done: count }),
      bytes: z.object({ total: count, done: count }),
      documents,
      chunks,
    }),
  ),
  workers: z.array(
    z.object({
      id: z.string(),
      host: z.string(),
      pid: z.number(),
      state: z.enum(["busy", "idle", "stalled"]).describe("stalled: not heard of; its jobs go back to the queue by themselves"),
      jobs: z.object({ active: count, done: count, failed: count }),
      seenAtMs: z.number(),
    }),
  ),
  deadLetters: z.object({
    records: count,
    jobs: z
      .array(z.object({ id: z.string(), source: z.string(), attempts: count, reason: z.string() }))
      .describe("the first ten"),
  }),
  leftMs: z.number().nullable().describe("at the present rate; null: nothing is left, or nothing moves"),
});
export type QueueStatus = z.output<typeof queueStatusSchema>;

/** What `ragctl ingest status` answers. */
export const ingestStatusSchema = z.object({
  cluster: z.string(),
  aliases: z.array(aliasStatusSchema),
  queue: queueStatusSchema.nullable().describe("null: neither --queue nor the config names one"),
  deadLettersFile: z.string().nullable().describe("what --dead-letters wrote"),
});
export type IngestStatusResult = z.output<typeof ingestStatusSchema>;
