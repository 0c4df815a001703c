import type { Schedule } from "../contract.ts";
import { edgeUs, tickUs } from "../windows/length.ts";

/** The tenth of a second that an operation is counted in, by its intended start; −1 is warm-up. */
export function windowOf({ warmupUs }: Pick<Schedule, "warmupUs">, offsetUs: number): number {
  return offsetUs < warmupUs ? -1 : Math.floor((offsetUs - warmupUs + edgeUs) / tickUs);
}

/** The first index that is due at or after `offsetUs`: how many were due before it. */
export function firstDueAt(schedule: Schedule, offsetUs: number): number {
  let low = 0;
  let high = schedule.total;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (schedule.intendedUs(middle) < offsetUs) low = middle + 1;
    else high = middle;
  }
  return low;
}
