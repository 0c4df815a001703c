/** What a field with a time is usually called in logs, best first. */
export const timeFields = ["at", "timestamp", "time", "ts"] as const;

/**
 * µs since the epoch of a time as logs write it: ISO 8601, or a number of seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by its
 * size. NaN where it is neither.
 */
export function timestampUs(time: unknown): number {
  if (typeof time === "number") return epochUs(time);
  return typeof time === "string" ? Date.parse(time) * 1000 : Number.NaN;
}

/** Seconds until the year 5138, else milliseconds, microseconds, nanoseconds. */
function epochUs(time: number): number {
  if (time < 1e11) return time * 1e6;
  if (time < 1e14) return time * 1e3;
  return time < 1e17 ? time : time / 1e3;
}
