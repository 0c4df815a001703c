import type { Recording } from "./recording.ts";
import { evictions, type Eviction } from "./simulate/index.ts";
import { StackModel } from "./stack-model.ts";

/** The tier before the sized one: a memory cache in the application, which is asked first and stores what was fetched. */
export interface NearTier {
  axis: "entries" | "bytes";
  size: number;
  ttlUs: number;
}

/**
 * Which references of a recording reach the sized tier: those that the near tier misses, whatever the size of the far one. The near tier is scaled
 * down as the sample is (Waldspurger et al., USENIX ATC '17, "Cache modeling and optimization using miniature simulations").
 * @returns the recording of those, and the hits of the others
 */
export function behind(near: NearTier, recording: Recording): { recording: Recording; nearHits: number } {
  const { length, slots, bytes, timeUs, rate, slotCount } = recording;
  const cache = evictions.lru({ ...near, size: scaledSize(near, rate), slotCount });
  const missed = {
    ...recording,
    slots: new Int32Array(length),
    bytes: new Float64Array(length),
    timeUs: new Float64Array(length),
  };
  let at = 0;
  for (let i = 0; i < length; i++) {
    if (cache.reference(slots[i]!, bytes[i]!, timeUs[i]!)) continue;
    missed.slots[at] = slots[i]!;
    missed.bytes[at] = bytes[i]!;
    missed.timeUs[at++] = timeUs[i]!;
  }
  return { recording: { ...missed, length: at }, nearHits: length - at };
}

/** Hits of a cache of this size over a recording, by simulation of one that is as much smaller as the sample is. */
export function simulateHits(
  recording: Recording,
  { eviction, axis, size, ttlUs }: { eviction: Eviction; axis: "entries" | "bytes"; size: number; ttlUs: number },
): number {
  const { length, slots, bytes, timeUs, slotCount, rate } = recording;
  const cache = evictions[eviction]({ axis, size: scaledSize({ axis, size }, rate), ttlUs, slotCount });
  let hits = 0;
  for (let i = 0; i < length; i++) if (cache.reference(slots[i]!, bytes[i]!, timeUs[i]!)) hits++;
  return hits;
}

/** Stack distances of a recording, for an LRU behind another tier. */
export function stackOf(recording: Recording, weighted: boolean): StackModel {
  const model = new StackModel({ rate: recording.rate, weighted, exact: recording.rate === 1 });
  for (let i = 0; i < recording.length; i++) {
    const slot = recording.slots[i]!;
    model.reference(slot, recording.high[slot]!, recording.bytes[i]!);
  }
  return model;
}

function scaledSize({ axis, size }: { axis: "entries" | "bytes"; size: number }, rate: number): number {
  return axis === "entries" ? Math.max(size > 0 ? 1 : 0, Math.round(size * rate)) : size * rate;
}
