import type { KernelFunction } from "../kernel/contract.ts";
import type { KernelModule, SharedMemory } from "../kernel/engine.ts";

/** What a thread is started with. */
export interface KernelThreadStart {
  memory: SharedMemory;
  module: KernelModule;
}

/** Work that threads share, a chunk at a time. */
export interface Job {
  run: KernelFunction;
  items: number;
  chunk: number;
  args: number[];
  /** The number of its first chunk: chunks are numbered through, over all jobs of a pool. */
  first: number;
}
