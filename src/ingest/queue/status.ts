import { RagctlError } from "../../errors.ts";
import type { Clock } from "../../runtime.ts";
import type { DeadRecord } from "../contract.ts";
import type { Batch, SliceJob, SliceResult } from "./contract.ts";
import { keyPrefix, readBatches, readResults, readWorkers, type QueueLink } from "./link.ts";
import type { QueueStatus } from "./result.ts";

const rateWindowMs = 60_000;
const mostShown = 10;

/** Where the queue of a cluster stands. @throws RagctlError exit 3 where it cannot be reached */
export async function queueStatus(link: QueueLink, clock: Clock): Promise<QueueStatus> {
  const { Queue } = await import("bullmq");
  const queue = new Queue<SliceJob>(link.name, { connection: link.redis, prefix: keyPrefix, skipVersionCheck: true });
  queue.on("error", () => undefined);
  try {
    const [counts, failed] = await link.guarded(() =>
      Promise.all([
        queue.getJobCounts("waiting", "active", "delayed", "failed", "prioritized"),
        queue.getFailed(0, mostShown - 1),
      ]),
    );
    const [batches, results, workers, dead] = await Promise.all([
      readBatches(link),
      readResults(link),
      readWorkers(link),
      readDead(link),
    ]);
    const rates = ratesOf(results, clock.nowMs());
    const shown = batches.map((batch) => batchStatus(batch, results));
    const left = shown.reduce((sum, { bytes }) => sum + bytes.total - bytes.done, 0);
    return {
      queue: link.target.shown,
      jobs: {
        waiting: (counts["waiting"] ?? 0) + (counts["prioritized"] ?? 0),
        active: counts["active"] ?? 0,
        delayed: counts["delayed"] ?? 0,
        failed: counts["failed"] ?? 0,
      },
      rates,
      batches: shown,
      workers: workers.map(({ id, host, pid, alive, active, done, failed, seenAtMs }) => ({
        id,
        host,
        pid,
        state: !alive ? "stalled" : active.length > 0 ? "busy" : "idle",
        jobs: { active: active.length, done, failed },
        seenAtMs,
      })),
      deadLetters: {
        records: dead.reduce((sum, { records }) => sum + records.length, 0),
        jobs: failed.map((job) => ({
          id: job.id!,
          source: job.data.files[0]?.name ?? "",
          attempts: job.attemptsMade,
          reason: job.failedReason ?? "",
        })),
      },
      leftMs: left > 0 && rates.bytesPerSec > 0 ? (left / rates.bytesPerSec) * 1000 : null,
    };
  } catch (error) {
    if (error instanceof RagctlError) throw error;
    return await link.guarded(() => Promise.reject(error));
  } finally {
    await queue.close().catch(() => undefined);
  }
}

/** Pure: how fast it went over the last minute, or since the first job ended where that is less. */
export function ratesOf(results: readonly SliceResult[], nowMs: number): QueueStatus["rates"] {
  const recent = results.filter(({ finishedAtMs }) => nowMs - finishedAtMs <= rateWindowMs);
  const beganMs = Math.min(...recent.map(({ finishedAtMs, elapsedMs }) => finishedAtMs - elapsedMs));
  const seconds = Math.max(0.001, Math.min(rateWindowMs, nowMs - beganMs) / 1000);
  const sum = (of: (result: SliceResult) => number) => recent.reduce((total, result) => total + of(result), 0);
  return {
    documentsPerSec: recent.length === 0 ? 0 : sum(({ documents }) => documents.read) / seconds,
    chunksPerSec: recent.length === 0 ? 0 : sum(({ chunks }) => chunks.written + chunks.unchanged) / seconds,
    bytesPerSec: recent.length === 0 ? 0 : sum(({ bytes }) => bytes) / seconds,
  };
}

/** Pure: what became of one batch so far. */
export function batchStatus(batch: Batch, results: readonly SliceResult[]): QueueStatus["batches"][number] {
  const own = results.filter((result) => result.batch === batch.id);
  const sum = (of: (result: SliceResult) => number) => own.reduce((total, result) => total + of(result), 0);
  return {
    id: batch.id,
    collection: batch.collection,
    paths: batch.paths,
    enqueuedAtMs: batch.enqueuedAtMs,
    complete: batch.complete,
    jobs: { total: batch.jobs, done: own.length },
    bytes: { total: batch.bytes, done: sum(({ bytes }) => bytes) },
    documents: {
      read: sum(({ documents }) => documents.read),
      ok: sum(({ documents }) => documents.ok),
      unchanged: sum(({ documents }) => documents.unchanged),
      skipped: sum(({ documents }) => documents.skipped),
      dead: sum(({ documents }) => documents.dead),
    },
    chunks: {
      written: sum(({ chunks }) => chunks.written),
      unchanged: sum(({ chunks }) => chunks.unchanged),
      deleted: sum(({ chunks }) => chunks.deleted),
    },
  };
}

/** Records that could not become documents, by job. */
export async function readDead({ redis, keys, guarded }: QueueLink): Promise<{ job: string; records: DeadRecord[] }[]> {
  const all = await guarded(() => redis.hgetall(keys.dead));
  return Object.entries(all).map(([job, text]) => ({ job, records: JSON.parse(text) as DeadRecord[] }));
}
