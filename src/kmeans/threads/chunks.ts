import type { KernelExports } from "../kernel/contract.ts";
import type { SharedMemory } from "../kernel/engine.ts";
import type { Job } from "./messages.ts";

/** At the start of the memory: the number of the next chunk to take, and how many are done. Both only grow (and wrap), so a thread that wakes late finds that its job is over. */
export const counter = { next: 0, done: 1 } as const;

export function countersOf(memory: SharedMemory): Int32Array {
  return new Int32Array(memory.buffer, 0, 2);
}

export function chunksOf({ items, chunk }: Pick<Job, "items" | "chunk">): number {
  return Math.ceil(items / chunk);
}

/**
 * Takes chunks of a job and runs them. A chunk is the same items whoever takes it, so results do not depend on how many threads there are.
 * @param most chunks
 * @returns whether none was left to take
 */
export function runChunks(kernel: KernelExports, counters: Int32Array, job: Job, most = Infinity): boolean {
  const { run, items, chunk, args, first } = job;
  const work = kernel[run];
  const chunks = chunksOf(job);
  for (let taken = 0; taken < most; taken++) {
    let part: number;
    for (;;) {
      const next = Atomics.load(counters, counter.next);
      part = (next - first) | 0;
      if (part < 0 || part >= chunks) return true;
      if (Atomics.compareExchange(counters, counter.next, next, (next + 1) | 0) === next) break;
    }
    work(part * chunk, Math.min(items, (part + 1) * chunk), ...args);
    Atomics.add(counters, counter.done, 1);
    Atomics.notify(counters, counter.done);
  }
  return false;
}
