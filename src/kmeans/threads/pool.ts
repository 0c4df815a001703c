import { setImmediate as turn } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { entryPath } from "../../entry.ts";
import type { Arena } from "../arena.ts";
import type { KernelFunction, KernelVariant } from "../kernel/contract.ts";
import { loadKernel, startKernel } from "../kernel/load.ts";
import { chunksOf, counter, countersOf, runChunks } from "./chunks.ts";
import type { Job, KernelThreadStart } from "./messages.ts";

/** Runs the kernel, on threads where there is enough to do. */
export interface Pool {
  readonly variant: KernelVariant;
  /** Runs `run(from, to, ...args)` over all items, `chunk` at a time. One job at a time. */
  run(run: KernelFunction, items: number, chunk: number, args: readonly number[]): Promise<void>;
  close(): Promise<void>;
}

/** Chunks that this thread runs before others (progress, Ctrl-C) have their turn. */
const chunksPerTurn = 16;
const waitMs = 20;

/**
 * This thread works too, and waits only for chunks that another has begun: on a busy machine nobody waits for a thread to wake up.
 * @param threads with this one
 * @param variant default: the best that the engine has
 */
export function openPool(arena: Arena, threads: number, variant?: KernelVariant): Pool {
  const loaded = loadKernel(variant);
  const own = startKernel(loaded.module, arena.memory);
  const counters = countersOf(arena.memory);
  let workers: Worker[] | undefined;
  let failure: Error | undefined;
  const startThreads = () =>
    Array.from({ length: threads - 1 }, () => {
      const workerData: KernelThreadStart = { memory: arena.memory, module: loaded.module };
      const worker = new Worker(entryPath(import.meta.url, "./kernel.main"), { workerData });
      worker.on("error", (error: Error) => (failure = error));
      worker.unref();
      return worker;
    });
  return {
    variant: loaded.variant,
    async run(run, items, chunk, args) {
      if (items === 0) return;
      const job: Job = { run, items, chunk, args: [...args], first: Atomics.load(counters, counter.next) };
      const end = (job.first + chunksOf(job)) | 0;
      if (threads > 1 && items > chunk) for (const worker of (workers ??= startThreads())) worker.postMessage(job);
      while (!runChunks(own, counters, job, chunksPerTurn)) await turn();
      for (;;) {
        const done = Atomics.load(counters, counter.done);
        if (done === end) break;
        if (Atomics.wait(counters, counter.done, done, waitMs) !== "timed-out") continue;
        // A thread that failed says so by an event, which needs a turn.
        await turn();
        if (failure) throw failure;
      }
      await turn();
    },
    async close() {
      await Promise.all((workers ?? []).map((worker) => worker.terminate()));
      workers = undefined;
    },
  };
}
