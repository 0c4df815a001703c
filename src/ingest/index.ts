import type { ClusterClient } from "../cluster/contract.ts";
import type { Embedder } from "../embed/contract.ts";
import type { Clock } from "../runtime.ts";
import { youngGenerationHeldAt } from "../young-generation.ts";
import { chunkDocument } from "./chunk-document.ts";
import { checkChunkOptions } from "./chunkers/index.ts";
import { prepareCollection, type CollectionWishes } from "./collection.ts";
import type { ChunkOptions, DeadRecord, InputFile, Item, ReaderOptions, SourceDocument } from "./contract.ts";
import type { Listing } from "./inputs/list.ts";
import { Acknowledged } from "./journal/acknowledged.ts";
import { JournalPace } from "./journal/pace.ts";
import type { IngestJournal, ResumeState } from "./journal/contract.ts";
import { BoundedQueue } from "./pipeline/queue.ts";
import { sourceItems, changedFile, type Slice } from "./pipeline/source.ts";
import { every, progressOf, stageResult, useOf } from "./pipeline/account.ts";
import { allOrFail, during, runStage, stageMeter, type StageOptions } from "./pipeline/stage.ts";
import { bottleneckOf, RecentWindow } from "./pipeline/window.ts";
import type { IngestProgress, IngestResult } from "./result.ts";
import { Batcher, gather, type Batch, type EmbeddedBatch, type PlannedDocument } from "./steps/batch.ts";
import { compareBatch } from "./steps/compare.ts";
import { embedStep } from "./steps/embed.ts";
import { safeWriter } from "./steps/safe-writer.ts";
import { writeStep } from "./steps/write.ts";
import { Tally } from "./tally.ts";

export interface IngestSpec {
  listing: Listing;
  collection: string;
  reader: ReaderOptions;
  chunk: ChunkOptions;
  /** What the collection is made with, or must have. */
  wishes?: CollectionWishes;
  /** Writes every chunk again, whatever the store holds. */
  force?: boolean;
  /** Which part of a file is meant; default: all of it. A queue's worker gets a stretch of one file. */
  slice?: (file: InputFile) => Slice | undefined;
}

export interface IngestDeps {
  client: ClusterClient;
  embedder: Embedder;
  clock: Clock;
  /** First: read no more, finish what is being written, report. */
  signal: AbortSignal;
  /** Second: stop at once. */
  hardSignal: AbortSignal;
  runId: string;
  deadLetters: { file: string; write(record: DeadRecord): void };
  /** Takes what is acknowledged, now and then; without one, only running it again goes on after a crash. */
  journal?: IngestJournal;
  /** Where earlier runs of the same input stopped. */
  resume?: ResumeState | undefined;
  /** Now and then, and after pieces of work. */
  onProgress?: (progress: IngestProgress) => void;
}

const progressEveryMs = 250;
/** Of the young generation: beyond it, 100,000 vectors take no less processor time, and 50 MB more. */
const youngBytes = 24 * 2 ** 20;

/**
 * Documents → chunks → vectors → the cluster, as a stream with bounded memory: read → chunk → compare → embed → write, each
 * stage with workers and a short queue of its own. What the store already holds is not embedded or written again, so a
 * second run of the same input changes nothing. With a journal, a run that was stopped, however hard, is gone on with where
 * its acknowledged writes end; what it wrote beyond is found unchanged.
 * @throws RagctlError exit 2 where the collection does not fit or the options make no sense, exit 3 where cluster or
 * embedder cannot be used any more, exit 5 where the journal cannot be written
 */
export async function runIngest(spec: IngestSpec, deps: IngestDeps): Promise<IngestResult> {
  checkChunkOptions(spec.chunk);
  const { client, clock, embedder, signal, hardSignal } = deps;
  const startedUs = clock.monotonicUs();
  const changed = deps.resume && (await changedFile(spec.listing, deps.resume));
  const resume = changed === undefined ? deps.resume : undefined;

  const acknowledged = new Acknowledged(resume && { seen: resume.seen.length, documents: resume.documents });
  const pace = new JournalPace({ acknowledged, journal: deps.journal, clock });
  const tally = new Tally(
    (record) => deps.deadLetters.write(record),
    (item, fate) => {
      acknowledged.settled(item, fate);
      pace.keep();
    },
  );
  const progress = { bytes: 0, files: 0 };
  const items = sourceItems(spec.listing, {
    options: spec.reader,
    signal,
    tally,
    acknowledged,
    resume,
    slice: spec.slice,
    progress,
  });
  // The first document says whether the input brings vectors, and of which size.
  const first = await firstDocument(items, tally);
  // Where nothing is left to go on with, nothing says it any more, and what is there is as it should be.
  const there = first === undefined && resume ? await client.collectionInfo(spec.collection) : undefined;
  const vectorDim = first?.vector?.length ?? there?.size;
  const maker = vectorDim === undefined ? embedder : { name: "vectors of the input", dim: vectorDim };
  const { created, dim } = await prepareCollection(client, spec.collection, maker, spec.wishes ?? {});

  const writer = safeWriter({
    client,
    collection: spec.collection,
    clock,
    requestTimeoutMs: client.cluster.store.timeout ?? 5000,
    signal,
    hardSignal,
  });
  const remote = !embedder.name.startsWith("hashing");
  const queues = {
    items: new BoundedQueue<Item>(256, clock),
    batches: new BoundedQueue<Batch>(4, clock),
    planned: new BoundedQueue<Batch<PlannedDocument>>(4, clock),
    embedded: new BoundedQueue<EmbeddedBatch>(8, clock),
  };
  const meters = {
    read: stageMeter("read", 1, clock),
    chunk: stageMeter("chunk", 1, clock, queues.items),
    compare: stageMeter("compare", 2, clock, queues.batches),
    // Feature hashing is this thread's own work; a remote embedder is waited for.
    embed: stageMeter("embed", remote ? 4 : 1, clock, queues.planned),
    write: stageMeter("write", 4, clock, queues.embedded),
  };
  const all = Object.values(meters);
  const window = new RecentWindow(all);
  const counters = () => ({ bytes: progress.bytes, chunks: tally.chunks.written + tally.chunks.unchanged });
  const holdMemory = youngGenerationHeldAt(youngBytes);
  const report = () => {
    holdMemory();
    const nowUs = clock.monotonicUs();
    window.observe(nowUs, counters());
    deps.onProgress?.(progressOf({ window, nowUs, counters: counters(), tally, totalBytes: spec.listing.totalBytes }));
  };

  const stage = <I, O>(options: Pick<StageOptions<I, O>, "meter" | "input" | "output" | "work" | "flush">) =>
    runStage<I, O>({
      ...options,
      dropping: () => signal.aborted,
      async work(item) {
        try {
          return await options.work(item);
        } catch (error) {
          // What an interrupt cut short is left for the next run.
          if (signal.aborted && error === signal.reason) return [];
          throw error;
        } finally {
          window.observe(clock.monotonicUs(), counters());
        }
      },
    });
  const batcher = new Batcher({ maxChunks: 256, maxDocuments: 256 });
  const embed = embedStep({ embedder, dim, tally, signal });
  const write = writeStep({ writer, tally });

  const stopReports = every(clock, progressEveryMs, report);
  try {
    await allOrFail(Object.values(queues), [
      (async () => {
        if (first) await during(meters.read.blocked, () => queues.items.push(first));
        for (;;) {
          const next = await during(meters.read.busy, () => items.next());
          if (next.done) break;
          meters.read.done++;
          await during(meters.read.blocked, () => queues.items.push(next.value));
        }
        queues.items.close();
      })(),
      stage<Item, Batch>({
        meter: meters.chunk,
        input: queues.items,
        output: queues.batches,
        async work(item) {
          if (item.kind === "document") return batcher.add(await chunkDocument(item, spec.chunk, embedder.name));
          tally.bury(item);
          return [];
        },
        flush: async () => batcher.flush(),
      }),
      stage<Batch, Batch<PlannedDocument>>({
        meter: meters.compare,
        input: queues.batches,
        output: queues.planned,
        // A collection that this run made holds nothing yet.
        work: async (batch) => [
          await compareBatch(batch, {
            client: created ? nothingHeld : client,
            collection: spec.collection,
            signal: hardSignal,
            force: spec.force === true,
          }),
        ],
      }),
      stage<Batch<PlannedDocument>, EmbeddedBatch>({
        meter: meters.embed,
        input: queues.planned,
        output: queues.embedded,
        work: async (batch) => [await embed(batch)],
      }),
      stage<EmbeddedBatch, never>({
        meter: meters.write,
        input: queues.embedded,
        async work(batch) {
          await write(gather(batch, queues.embedded, writer.batch.size));
          return [];
        },
      }),
    ]);
  } finally {
    stopReports();
    pace.end();
  }
  report();

  const interrupted = signal.aborted;
  // Everything that was read has met its fate, unless an interrupt left some of it for the next run.
  if (!interrupted && tally.read !== tally.settled)
    throw new Error(`${tally.read} documents were read, and ${tally.settled} accounted for`);
  const elapsedUs = Math.max(1, clock.monotonicUs() - startedUs);
  const perSec = (n: number) => (n / elapsedUs) * 1e6;
  const { written, unchanged } = tally.chunks;
  const stages = all.map((meter) => stageResult(meter, elapsedUs));
  const { smallest, largest, size } = writer.batch;
  return {
    runId: deps.runId,
    cluster: client.cluster.name,
    collection: spec.collection,
    created,
    embedder: { name: maker.name, dim },
    embeddings: embedder.usage?.() ?? null,
    documents: { read: tally.settled, ...tally.fates },
    chunks: { ...tally.chunks },
    resumed: resume ? { run: resume.run, documents: { ...resume.documents } } : null,
    changedSince: changed ?? null,
    files: { read: progress.files, ignored: spec.listing.ignored },
    bytes: progress.bytes,
    skipped: tally.skippedExamples,
    deadLetters: {
      count: tally.fates.dead,
      file: tally.fates.dead > 0 ? deps.deadLetters.file : null,
      reasons: [...tally.reasons].map(([reason, count]) => ({ reason, count })).toSorted((a, b) => b.count - a.count),
    },
    markedStale: [...writer.markedStale].toSorted(),
    elapsedMs: elapsedUs / 1000,
    rates: {
      documentsPerSec: perSec(tally.settled),
      chunksPerSec: perSec(written + unchanged),
      bytesPerSec: perSec(progress.bytes),
    },
    batchSize: { smallest, largest, last: size },
    stages,
    bottleneck: bottleneckOf(all.map((meter) => useOf(meter, elapsedUs))) ?? null,
    interrupted,
    resumable: interrupted,
  };
}

const nothingHeld: Pick<ClusterClient, "fetch"> = { fetch: () => Promise.resolve([]) };

/** The first item that is a document; broken records before it are buried on the way. */
async function firstDocument(items: AsyncGenerator<Item, undefined>, tally: Tally): Promise<SourceDocument | undefined> {
  for (;;) {
    const next = await items.next();
    if (next.done) return undefined;
    if (next.value.kind === "document") return next.value;
    tally.bury(next.value);
  }
}
