import { z } from "zod";
import { releaseOutcomeSchema } from "../releases/result.ts";

const count = z.number().int().min(0);

/** The published result of `ragctl ingest`. */
export const ingestResultSchema = z.object({
  runId: z.string(),
  cluster: z.string(),
  collection: z.string(),
  created: z.boolean().describe("whether this run made the collection"),
  embedder: z.object({ name: z.string(), dim: count }),
  embeddings: z
    .object({ made: count, remembered: count })
    .nullable()
    .describe("texts that the embedder was asked for, and those whose vector was known from before; null where none is kept"),
  documents: z
    .object({ read: count, ok: count, unchanged: count, skipped: count, dead: count })
    .describe("read = ok + unchanged + skipped + dead; skipped: without text; dead: in the dead letters"),
  chunks: z.object({ written: count, unchanged: count, deleted: count }),
  resumed: z
    .object({
      run: z.string(),
      documents: z.object({ ok: count, unchanged: count, skipped: count, dead: count }),
    })
    .nullable()
    .describe("the run that this one went on from, and what was done by then; not part of the other counts"),
  changedSince: z
    .string()
    .nullable()
    .describe("a file that changed since the run that was to be gone on with: everything was read from the beginning"),
  files: z.object({ read: count, ignored: count.describe("found in folders, of a kind that no reader takes") }),
  bytes: count.describe("read from files"),
  skipped: z
    .array(z.object({ source: z.string(), line: count.optional(), id: z.string() }))
    .describe("the first ten documents without text"),
  deadLetters: z.object({
    count,
    file: z.string().nullable(),
    reasons: z.array(z.object({ reason: z.string(), count })),
  }),
  markedStale: z
    .array(z.string())
    .describe("nodes that missed a write of this run and must be repaired before they serve reads again"),
  elapsedMs: z.number(),
  rates: z.object({ documentsPerSec: z.number(), chunksPerSec: z.number(), bytesPerSec: z.number() }),
  batchSize: z
    .object({ smallest: count, largest: count, last: count })
    .describe("records of one write: larger while throughput grows, smaller on 413, 429 and slow answers"),
  stages: z.array(
    z.object({
      name: z.string(),
      workers: count,
      done: count,
      busy: z.number().min(0).describe("share of the run that its workers had something in hand, waiting for others included"),
      blocked: z.number().min(0).describe("share that they waited for the next stage"),
      queue: z.object({ capacity: count, peak: count, meanFill: z.number().min(0).max(1) }),
    }),
  ),
  bottleneck: z.string().nullable().describe("the stage that held up the others, over the whole run"),
  release: releaseOutcomeSchema.optional().describe("with --into-new: the release, its verification, the switch"),
  interrupted: z.boolean(),
  resumable: z.boolean().describe("the same command goes on: what is stored is skipped"),
});

export type IngestResult = z.output<typeof ingestResultSchema>;

/** Where a run stands, a few times a second. */
export interface IngestProgress {
  bytes: number;
  /** Of all files; 0 where nobody knows. */
  totalBytes: number;
  documents: number;
  dead: number;
  chunks: number;
  /** Over the last seconds, as all below; undefined before any have passed. */
  chunksPerSec: number | undefined;
  /** Name of the stage that holds up the others now. */
  bottleneck: string | undefined;
  leftMs: number | undefined;
}
