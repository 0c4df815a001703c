import { createEmbedder } from "../../../src/embed/index.ts";
import type { Embedder } from "../../../src/embed/contract.ts";
import { defaultChunkOptions } from "../../../src/ingest/chunkers/index.ts";
import type { ChunkOptions, DeadRecord, ReaderOptions } from "../../../src/ingest/contract.ts";
import { runIngest, type IngestSpec } from "../../../src/ingest/index.ts";
import type { IngestJournal, ResumeState } from "../../../src/ingest/journal/contract.ts";
import type { Format } from "../../../src/ingest/readers/names.ts";
import { defaultReaderOptions } from "../../../src/ingest/readers/fields.ts";
import { listInputs } from "../../../src/ingest/inputs/list.ts";
import { realClock, type Clock } from "../../../src/runtime.ts";
import type { fakeCluster } from "./fake-cluster.ts";

interface IngestOptions {
  cluster: ReturnType<typeof fakeCluster>;
  cwd: string;
  paths: string[];
  format?: Format;
  reader?: Partial<ReaderOptions>;
  chunk?: Partial<ChunkOptions>;
  embedder?: Embedder;
  clock?: Clock;
  signal?: AbortSignal;
  journal?: IngestJournal;
  /** The journal is written after each item, as if much time passed between them. */
  eager?: boolean;
  resume?: ResumeState | undefined;
  force?: boolean;
  slice?: IngestSpec["slice"];
}

/** Ingests files into collection `docs` of a fake cluster. */
export async function ingest(options: IngestOptions) {
  const dead: DeadRecord[] = [];
  let skewUs = 0;
  const slow: Clock = { ...realClock, monotonicUs: () => realClock.monotonicUs() + (skewUs += 100_000) };
  const clock = options.clock ?? (options.eager ? slow : realClock);
  const never = new AbortController().signal;
  const result = await runIngest(
    {
      listing: await listInputs(options.paths, { cwd: options.cwd, format: options.format }),
      collection: "docs",
      reader: { ...defaultReaderOptions, ...options.reader },
      chunk: { ...defaultChunkOptions, ...options.chunk },
      force: options.force === true,
      ...(options.slice ? { slice: options.slice } : {}),
    },
    {
      client: options.cluster.client,
      embedder: options.embedder ?? (await createEmbedder(undefined, { clock })),
      clock,
      signal: options.signal ?? never,
      hardSignal: never,
      runId: "test-run",
      ...(options.journal ? { journal: options.journal } : {}),
      resume: options.resume,
      deadLetters: { file: "dead.jsonl", write: (record) => dead.push(record) },
    },
  );
  return { result, dead };
}

export const jsonl = (...records: unknown[]) =>
  records.map((record) => (typeof record === "string" ? record : JSON.stringify(record))).join("\n");

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}
