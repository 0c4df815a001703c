import { availableParallelism, cpus } from "node:os";

/** Milliseconds that all processors together have been idle, and have existed, since boot. */
export interface CpuTimes {
  idleMs: number;
  totalMs: number;
}

export function cpuTimes(): CpuTimes {
  let idleMs = 0;
  let totalMs = 0;
  for (const { times } of cpus()) {
    idleMs += times.idle;
    totalMs += times.user + times.nice + times.sys + times.idle + times.irq;
  }
  return { idleMs, totalMs };
}

/** Processors' worth of idle time between two looks; 0 when no time has passed. */
export function idleCores(before: CpuTimes, after: CpuTimes, cores: number = availableParallelism()): number {
  const total = after.totalMs - before.totalMs;
  return total <= 0 ? 0 : ((after.idleMs - before.idleMs) / total) * cores;
}
