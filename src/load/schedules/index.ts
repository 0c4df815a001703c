import type { ClosedSpec, ExecutorSpec, Schedule, ScheduleSpec } from "../contract.ts";
import { constantRate } from "./constant.ts";
import { poissonRate } from "./poisson.ts";
import { rampingRate } from "./ramping.ts";
import { replayed } from "./replay.ts";

export { firstDueAt, windowOf } from "./windows.ts";

const schedules: { [K in ScheduleSpec["kind"]]: (spec: Extract<ScheduleSpec, { kind: K }>) => Schedule } = {
  "constant-arrival-rate": constantRate,
  "ramping-arrival-rate": rampingRate,
  poisson: poissonRate,
  replay: replayed,
};

export function isClosed(spec: ExecutorSpec): spec is ClosedSpec {
  return !(spec.kind in schedules);
}

/** The schedule that a spec describes: the same one on every thread. */
export function buildSchedule(spec: ScheduleSpec): Schedule {
  const { startUs = 0, warmupUs } = spec;
  if (startUs === 0) return scheduleOf(spec);
  return delayed(scheduleOf({ ...spec, warmupUs: 0 }), warmupUs, startUs);
}

function scheduleOf<S extends ScheduleSpec>(spec: S): Schedule {
  return (schedules[spec.kind] as (spec: S) => Schedule)(spec);
}

/** What starts later than the run: no warm-up of its own, and its times after the run's. */
function delayed(inner: Schedule, warmupUs: number, startUs: number): Schedule {
  const fromUs = warmupUs + startUs;
  return {
    total: inner.total,
    warmupUs,
    endUs: fromUs + inner.endUs,
    intendedUs: (index) => fromUs + inner.intendedUs(index),
  };
}
