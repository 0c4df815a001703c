import type { ClusterClient } from "../cluster/contract.ts";
import type { Embedder } from "../embed/contract.ts";
import type { Clock } from "../runtime.ts";
import { chunkDocument } from "./chunk-document.ts";
import { checkChunkOptions } from "./chunkers/index.ts";
import { prepareCollection } from "./collection.ts";
import type { ChunkOptions, DeadRecord, Item, ReaderOptions } from "./contract.ts";
import type { Listing } from "./inputs/list.ts";
import { BoundedQueue } from "./pipeline/queue.ts";
import { bottleneck, runStage, stageMeter, timed, type StageMeter, type StageOptions } from "./pipeline/stage.ts";
import { readItems } from "./read-items.ts";
import type { IngestResult } from "./result.ts";
import { Batcher, type Batch, type EmbeddedBatch, type PlannedDocument } from "./steps/batch.ts";
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
  /** After each piece of work. */
  onProgress?: (progress: IngestProgress) => void;
}

interface IngestProgress {
  bytes: number;
  documents: number;
  chunks: number;
  /** Name of the stage that holds up the others. */
  slowest: string | undefined;
}

/**
 * Documents → chunks → vectors → the cluster, as a stream with bounded memory: read → chunk → compare → embed → write, each
 * stage with workers and a short queue of its own. What the store already holds is not embedded or written again, so a
 * second run of the same input changes nothing, and a run that was stopped is gone on with by running it again.
 * @throws RagctlError exit 2 where the collection does not fit the embedder or the options make no sense, exit 3 where
 * cluster or embedder cannot be used any more
 */
export async function runIngest(spec: IngestSpec, deps: IngestDeps): Promise<IngestResult> {
  checkChunkOptions(spec.chunk);
  const { client, clock, embedder, signal, hardSignal } = deps;
  const startedUs = clock.monotonicUs();
  const { created } = await prepareCollection(client, spec.collection, embedder);

  const tally = new Tally((record) => deps.deadLetters.write(record));
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
    items: new BoundedQueue<Item>(256),
    batches: new BoundedQueue<Batch>(4),
    planned: new BoundedQueue<Batch<PlannedDocument>>(4),
    embedded: new BoundedQueue<EmbeddedBatch>(4),
  };
  const meters = {
    read: stageMeter("read", 1),
    chunk: stageMeter("chunk", 1, queues.items),
    compare: stageMeter("compare", 2, queues.batches),
    // Feature hashing is this thread's own work; a remote embedder is waited for.
    embed: stageMeter("embed", remote ? 4 : 1, queues.planned),
    write: stageMeter("write", 4, queues.embedded),
  };
  const progress = { bytes: 0, files: 0 };
  const report = () =>
    deps.onProgress?.({
      bytes: progress.bytes,
      documents: tally.settled,
      chunks: tally.chunks.written + tally.chunks.unchanged,
      slowest: bottleneck(Object.values(meters))?.name,
    });

  const dropping = () => signal.aborted;
  const stage = <I, O>(options: Pick<StageOptions<I, O>, "meter" | "input" | "output" | "work" | "flush">) =>
    runStage<I, O>({
      ...options,
      clock,
      dropping,
      async work(item) {
        try {
          return await options.work(item);
        } catch (error) {
          // What an interrupt cut short is left for the next run.
          if (signal.aborted && error === signal.reason) return [];
          throw error;
        } finally {
          report();
        }
      },
    });
  const batcher = new Batcher({ maxChunks: 256, maxDocuments: 256 });
  const embed = embedStep({ embedder, tally, signal });
  const write = writeStep({ writer, tally });

  await allOrFail(Object.values(queues), [
    (async () => {
      const items = readItems(spec.listing, { options: spec.reader, signal, tally, progress });
      for (;;) {
        const next = await timed(meters.read, "busyUs", clock, () => items.next());
        if (next.done) break;
        meters.read.done++;
        await timed(meters.read, "blockedUs", clock, () => queues.items.push(next.value));
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
        await compareBatch(batch, { client: created ? nothingHeld : client, collection: spec.collection, signal: hardSignal }),
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
        await write(batch);
        return [];
      },
    }),
  ]);
  report();

  const interrupted = signal.aborted;
  // Everything that was read has met its fate, unless an interrupt left some of it for the next run.
  if (!interrupted && tally.read !== tally.settled)
    throw new Error(`${tally.read} documents were read, and ${tally.settled} accounted for`);
  const elapsedUs = Math.max(1, clock.monotonicUs() - startedUs);
  const perSec = (n: number) => (n / elapsedUs) * 1e6;
  const { written, unchanged } = tally.chunks;
  return {
    runId: deps.runId,
    cluster: client.cluster.name,
    collection: spec.collection,
    created,
    embedder: { name: embedder.name, dim: embedder.dim },
    documents: { read: tally.settled, ...tally.fates },
    chunks: { ...tally.chunks },
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
    stages: Object.values(meters).map((meter) => stageResult(meter, elapsedUs)),
    bottleneck: bottleneck(Object.values(meters))?.name ?? null,
    interrupted,
    resumable: interrupted,
  };
}

const nothingHeld: Pick<ClusterClient, "fetch"> = { fetch: () => Promise.resolve([]) };

/** Runs the stages together. The first failure ends them all, and is what is thrown. */
async function allOrFail(queues: readonly { fail(error: unknown): void }[], stages: Promise<void>[]): Promise<void> {
  let first: { error: unknown } | undefined;
  await Promise.all(
    stages.map((stage) =>
      stage.catch((error: unknown) => {
        first ??= { error };
        for (const queue of queues) queue.fail(error);
      }),
    ),
  );
  if (first) throw first.error;
}

function stageResult(meter: StageMeter, elapsedUs: number): IngestResult["stages"][number] {
  const share = (us: number) => us / (elapsedUs * meter.concurrency);
  return {
    name: meter.name,
    workers: meter.concurrency,
    done: meter.done,
    busy: share(meter.busyUs),
    blocked: share(meter.blockedUs),
    queue: { capacity: meter.input?.capacity ?? 0, peak: meter.input?.peak ?? 0, meanFill: meter.input?.meanFill ?? 0 },
  };
}
