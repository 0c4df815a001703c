import type { ReplaySpec, Schedule } from "../contract.ts";

/** A query log's own times: entry i is due as long after the first as it was then, divided by the speed. No warm-up: the log begins where it begins. */
export function replayed({ offsets, warmupUs, durationUs }: Omit<ReplaySpec, "kind">): Schedule {
  const offsetsUs = new Float64Array(offsets);
  let total = offsetsUs.length;
  while (total > 0 && offsetsUs[total - 1]! > durationUs) total--;
  return {
    total,
    warmupUs,
    endUs: warmupUs + durationUs,
    intendedUs: (index) => warmupUs + offsetsUs[index]!,
  };
}
