import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";

/**
 * From now on V8 keeps the young generation of every thread as small as it is, instead of doubling it (16 MB a half and
 * more, in each thread) whenever much survives a scavenge. Counting leaves little behind, so it costs no time that could be
 * measured, and a long run's process stays as large as a short one's. V8 reads this flag at each scavenge; a limit
 * (`--max-semi-space-size`) it reads only when the process starts, and for workers alone `resourceLimits` would do.
 */
export function holdYoungGeneration(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * The same, once this thread's young generation is as large as that: work that keeps much alive for a moment, batches under
 * way, pays for a smaller one with copying.
 * @param bytes of both halves
 * @returns to be called now and then
 */
export function youngGenerationHeldAt(bytes: number): () => void {
  let held = false;
  return () => {
    if (held || (getHeapSpaceStatistics().find(({ space_name }) => space_name === "new_space")?.space_size ?? 0) < bytes) return;
    held = true;
    holdYoungGeneration();
  };
}
