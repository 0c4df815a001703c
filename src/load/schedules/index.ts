import type { Schedule, ScheduleSpec } from "../contract.ts";
import { constantRate } from "./constant.ts";

const schedules = {
  "constant-arrival-rate": constantRate,
} as const satisfies Record<ScheduleSpec["kind"], (spec: ScheduleSpec) => Schedule>;

/** The schedule that a spec describes: the same one on every thread. */
export function buildSchedule(spec: ScheduleSpec): Schedule {
  return schedules[spec.kind](spec);
}

/** The first index that is due at or after `offsetUs`: how many were due before it. */
export function firstDueAt(schedule: Schedule, offsetUs: number): number {
  let low = 0;
  let high = schedule.total;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (schedule.intendedUs(middle) < offsetUs) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The one-second window that an operation belongs to, by its intended start; −1 is warm-up. */
export function windowOf(schedule: Schedule, offsetUs: number): number {
  return offsetUs < schedule.warmupUs ? -1 : Math.floor((offsetUs - schedule.warmupUs) / 1e6);
}
