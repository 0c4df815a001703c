import type { Job } from "bullmq";
import type { ClusterClient } from "../../cluster/contract.ts";
import type { Embedder } from "../../embed/contract.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { Clock } from "../../runtime.ts";
import type { DeadRecord } from "../contract.ts";
import { runIngest } from "../index.ts";
import { beatEveryMs, type Batch, type SliceJob, type SliceResult, type WorkerBeat } from "./contract.ts";
import { beat, keyPrefix, queueLost, readBatch, sayGoodbye, type QueueLink } from "./link.ts";
import type { WorkerResult } from "./result.ts";
import { sliceProblem } from "./slices.ts";

export interface WorkerSpec {
  id: string;
  host: string;
  pid: number;
  /** Jobs in hand at once. */
  concurrency: number;
  /** Ends when nothing waits and nobody works. */
  untilEmpty: boolean;
  /** How long the queue's Redis may be away. */
  patienceMs: number;
}

export interface WorkerDeps {
  link: QueueLink;
  client: ClusterClient;
  embedder: Embedder;
  clock: Clock;
  /** First: takes no more jobs, and finishes those in hand. */
  signal: AbortSignal;
  /** Second: gives back what is in hand. */
  hardSignal: AbortSignal;
  note: (text: string) => void;
  onProgress: (progress: { jobs: number; documents: number; chunks: number }) => void;
}

/** A job whose worker is gone is taken by another one after this long at most, twice over. */
const lockMs = 15_000;
const stalledEveryMs = 5_000;
/** A job that killed so many workers is given up on. */
const mostStalls = 5;
/** Where the cluster or the embedder cannot be reached, a job is put back for so long; that is no attempt. */
const waitForClusterMs = 5_000;
const lookEveryMs = 500;
/** Of one job's dead records, so many are kept whole. */
const mostDead = 1_000;

/**
 * Takes jobs from the queue until it is told to stop. Each runs through the pipeline that `ragctl ingest` runs, with the same keys: what a
 * killed worker had done of its job is found unchanged by the next one.
 * @throws RagctlError exit 3 where the queue's Redis stays away, 2 where this worker's embedder is not the jobs'
 */
export async function runWorker(spec: WorkerSpec, deps: WorkerDeps): Promise<WorkerResult> {
  const { link, clock, signal, hardSignal, note } = deps;
  const { Worker, Queue, DelayedError, UnrecoverableError } = await import("bullmq");
  const startedUs = clock.monotonicUs();
  const me: WorkerBeat = {
    id: spec.id,
    host: spec.host,
    pid: spec.pid,
    startedAtMs: clock.nowMs(),
    seenAtMs: clock.nowMs(),
    done: 0,
    failed: 0,
    active: [],
  };
  const total: WorkerResult = {
    worker: spec.id,
    cluster: deps.client.cluster.name,
    queue: link.target.shown,
    jobs: { done: 0, failed: 0 },
    documents: { read: 0, ok: 0, unchanged: 0, skipped: 0, dead: 0 },
    chunks: { written: 0, unchanged: 0, deleted: 0 },
    bytes: 0,
    elapsedMs: 0,
    ended: "interrupted",
  };
  let fatal: RagctlError | undefined;
  const stop = new AbortController();
  const failWith = (error: RagctlError) => {
    fatal ??= error;
    stop.abort(error);
  };

  const work = async (job: Job<SliceJob, SliceResult>, token: string | undefined): Promise<SliceResult> => {
    me.active.push(job.id!);
    try {
      const batch = await readBatch(link, job.data.batch);
      if (!batch) throw new UnrecoverableError(`its batch ${job.data.batch} is not known any more`);
      const unfit = unfitFor(batch, deps);
      if (unfit) {
        failWith(unfit);
        throw unfit;
      }
      for (const file of job.data.files) {
        const problem = await sliceProblem(file);
        if (problem !== undefined) throw new Error(problem);
      }
      return await ingestSlice(job, batch, spec, deps);
    } catch (error) {
      // Nothing is wrong with the job: it waits until what it needs is there again.
      if (error instanceof RagctlError && (error.exitCode === ExitCode.unreachable || error === fatal)) {
        note(`${job.id}: ${error.message}`);
        await job.moveToDelayed(clock.nowMs() + waitForClusterMs, token);
        throw new DelayedError();
      }
      throw error;
    } finally {
      me.active = me.active.filter((id) => id !== job.id);
    }
  };

  const worker = new Worker<SliceJob, SliceResult>(link.name, work, {
    connection: link.redis,
    prefix: keyPrefix,
    skipVersionCheck: true,
    concurrency: spec.concurrency,
    lockDuration: lockMs,
    stalledInterval: stalledEveryMs,
    maxStalledCount: mostStalls,
    removeOnComplete: { count: 0 },
  });
  let lastError: unknown;
  worker.on("error", (error) => (lastError = error));
  worker.on("completed", (_job, result) => {
    me.done++;
    add(total, result);
    deps.onProgress({
      jobs: me.done,
      documents: total.documents.read,
      chunks: total.chunks.written + total.chunks.unchanged,
    });
  });
  worker.on("failed", (job, error) => {
    me.failed++;
    note(`${job?.id ?? "a job"} failed (attempt ${job?.attemptsMade ?? "?"} of ${job?.opts.attempts ?? "?"}): ${error.message}`);
  });
  const queue = new Queue(link.name, { connection: link.redis, prefix: keyPrefix, skipVersionCheck: true });
  queue.on("error", (error) => (lastError = error));

  const beating = keepBeating(spec, me, deps, stop.signal, (cause) => failWith(queueLost(link.target, lastError ?? cause)));
  const ended = AbortSignal.any([signal, stop.signal]);
  try {
    while (!ended.aborted) {
      await clock.sleep(lookEveryMs, ended).catch(() => undefined);
      if (!spec.untilEmpty || ended.aborted || me.active.length > 0) continue;
      // Also those of other workers: should one of them die, somebody must be there.
      const counts = await within(queue.getJobCounts("waiting", "active", "delayed", "prioritized"), spec.patienceMs, clock);
      if (counts && Object.values(counts).every((n) => n === 0)) {
        total.ended = "empty";
        break;
      }
    }
    if (!fatal && me.active.length > 0) note(`finishing ${me.active.length} in hand; once more stops now, and gives them back`);
    await Promise.race([worker.close(fatal !== undefined), aborted(hardSignal), aborted(stop.signal)]);
    if (hardSignal.aborted || stop.signal.aborted) await within(worker.close(true), 1_000, clock);
  } finally {
    stop.abort(new Error("the worker ends"));
    await beating;
    if (fatal?.code !== "queue-unreachable") {
      await within(sayGoodbye(link, me.id), 1_000, clock);
      await within(queue.close(), 1_000, clock);
    }
  }
  if (fatal) throw fatal;
  total.jobs = { done: me.done, failed: me.failed };
  total.elapsedMs = (clock.monotonicUs() - startedUs) / 1000;
  return total;
}

async function ingestSlice(job: Job<SliceJob>, batch: Batch, spec: WorkerSpec, deps: WorkerDeps): Promise<SliceResult> {
  const { link, client, embedder, clock, hardSignal } = deps;
  const { files, bytes } = job.data;
  const dead: DeadRecord[] = [];
  const slices = new Map(files.map((file) => [file.path, file]));
  const result = await runIngest(
    {
      listing: { files, dead: [], ignored: 0, totalBytes: bytes },
      collection: batch.collection,
      reader: batch.reader,
      chunk: batch.chunk,
      wishes: batch.wishes,
      force: batch.force,
      slice: ({ path }) => {
        const { from, items } = slices.get(path)!;
        return { ...(from ? { from } : {}), ...(items === undefined ? {} : { items }) };
      },
    },
    {
      client,
      embedder,
      clock,
      // The first Ctrl-C drains: what is in hand is finished.
      signal: hardSignal,
      hardSignal,
      runId: job.id!,
      deadLetters: { file: link.target.shown, write: (record) => void (dead.length < mostDead && dead.push(record)) },
    },
  );
  if (result.interrupted) throw new Error("the worker was stopped");
  const answer: SliceResult = {
    batch: batch.id,
    bytes,
    documents: result.documents,
    chunks: result.chunks,
    elapsedMs: result.elapsedMs,
    finishedAtMs: clock.nowMs(),
    worker: spec.id,
  };
  await link.guarded(async () => {
    // By job, so that one that is done again replaces what it said before.
    if (dead.length > 0) await link.redis.hset(link.keys.dead, job.id!, JSON.stringify(dead));
    else await link.redis.hdel(link.keys.dead, job.id!);
    await link.redis.hset(link.keys.results, job.id!, JSON.stringify(answer));
  });
  return answer;
}

/** Vectors of two embedders in one collection find nothing. */
function unfitFor({ embedder, collection }: Batch, deps: WorkerDeps): RagctlError | undefined {
  if (embedder.name === deps.embedder.name && embedder.dim === deps.embedder.dim) return undefined;
  return new RagctlError(
    `What is enqueued for ${collection} is to be embedded by ${embedder.name}; this worker has ${deps.embedder.name}.`,
    {
      code: "embedder-differs",
      exitCode: ExitCode.usage,
      hint: "Start the worker with the config that the work was enqueued with.",
    },
  );
}

/** Tells the queue that this worker lives, and finds out that the queue does not. */
async function keepBeating(
  { patienceMs }: WorkerSpec,
  me: WorkerBeat,
  { link, clock }: WorkerDeps,
  signal: AbortSignal,
  onLost: (cause: unknown) => void,
): Promise<void> {
  while (!signal.aborted) {
    me.seenAtMs = clock.nowMs();
    const done = await within(
      beat(link, me).then(() => true),
      patienceMs,
      clock,
      signal,
    );
    if (!done && !signal.aborted) return onLost(new Error(`no answer for ${patienceMs / 1000} s`));
    await clock.sleep(beatEveryMs, signal).catch(() => undefined);
  }
}

/** Undefined where it takes longer, fails, or the signal aborts. */
async function within<T>(work: Promise<T>, ms: number, clock: Clock, signal?: AbortSignal): Promise<T | undefined> {
  const done = new AbortController();
  const both = signal ? AbortSignal.any([signal, done.signal]) : done.signal;
  try {
    return await Promise.race([
      work.catch(() => undefined),
      clock.sleep(ms, both).then(
        () => undefined,
        () => undefined,
      ),
    ]);
  } finally {
    done.abort();
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function add(total: WorkerResult, { documents, chunks, bytes }: SliceResult): void {
  for (const [key, n] of Object.entries(documents)) total.documents[key as keyof typeof documents] += n;
  for (const [key, n] of Object.entries(chunks)) total.chunks[key as keyof typeof chunks] += n;
  total.bytes += bytes;
}
