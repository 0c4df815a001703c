import type { Clock } from "../../runtime.ts";
import type { Listing } from "../inputs/list.ts";
import type { Batch } from "./contract.ts";
import { keyPrefix, putBatch, type QueueLink } from "./link.ts";
import type { EnqueueResult } from "./result.ts";
import { sliceFiles } from "./slices.ts";

export interface EnqueueSpec {
  listing: Listing;
  batch: Omit<Batch, "jobs" | "bytes" | "complete" | "enqueuedAtMs">;
  itemsPerJob: number;
  attempts: number;
}

export interface EnqueueDeps {
  link: QueueLink;
  clock: Clock;
  signal: AbortSignal;
  onProgress: (bytes: number, jobs: number) => void;
}

/** Jobs that go to Redis together. */
const pageSize = 50;
const firstRetryMs = 2_000;

/**
 * Puts files on the queue, a page of jobs after the other: workers begin while it still reads. Enqueueing the same again does
 * the work again, and changes nothing.
 * @throws RagctlError exit 3 where the queue cannot be reached any more
 */
export async function enqueue(spec: EnqueueSpec, { link, clock, signal, onProgress }: EnqueueDeps): Promise<EnqueueResult> {
  const { Queue } = await import("bullmq");
  const queue = new Queue(link.name, { connection: link.redis, prefix: keyPrefix, skipVersionCheck: true });
  queue.on("error", () => undefined);
  const batch: Batch = { ...spec.batch, enqueuedAtMs: clock.nowMs(), jobs: 0, bytes: 0, complete: false };
  let page: { name: string; data: object; opts: object }[] = [];
  const flush = async () => {
    if (page.length === 0) return;
    // Known before its jobs are: a worker that takes one asks for it.
    await putBatch(link, batch);
    await link.guarded(() => queue.addBulk(page));
    page = [];
    onProgress(batch.bytes, batch.jobs);
  };
  try {
    await putBatch(link, batch);
    for await (const job of sliceFiles(spec.listing.files, {
      reader: spec.batch.reader,
      itemsPerJob: spec.itemsPerJob,
      signal,
    })) {
      batch.jobs++;
      batch.bytes += job.bytes;
      page.push({
        name: "slice",
        data: { ...job, batch: batch.id },
        opts: {
          jobId: `${batch.id}-${batch.jobs}`,
          attempts: spec.attempts,
          backoff: { type: "exponential", delay: firstRetryMs, jitter: 0.5 },
          removeOnComplete: true,
        },
      });
      if (page.length >= pageSize) await flush();
    }
    await flush();
    const interrupted = signal.aborted;
    if (!interrupted) await putBatch(link, { ...batch, complete: true });
    return {
      batch: batch.id,
      cluster: batch.cluster,
      collection: batch.collection,
      queue: link.target.shown,
      files: spec.listing.files.length,
      jobs: batch.jobs,
      bytes: batch.bytes,
      retried: 0,
      interrupted,
    };
  } finally {
    await queue.close().catch(() => undefined);
  }
}

/** Jobs that were given up on go back to the queue. @returns how many */
export async function retryFailed(link: QueueLink): Promise<number> {
  const { Queue } = await import("bullmq");
  const queue = new Queue(link.name, { connection: link.redis, prefix: keyPrefix, skipVersionCheck: true });
  queue.on("error", () => undefined);
  try {
    return await link.guarded(async () => {
      const failed = await queue.getFailedCount();
      if (failed > 0) await queue.retryJobs({ state: "failed" });
      return failed;
    });
  } finally {
    await queue.close().catch(() => undefined);
  }
}
