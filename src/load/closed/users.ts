import type { ClosedSpec } from "../contract.ts";

/** Users that a spec ever has at once. */
export function mostUsers(spec: ClosedSpec): number {
  return spec.kind === "ramping-vus" ? Math.max(spec.startVus, ...spec.stages.map(({ target }) => target)) : spec.vus;
}

/**
 * How many users are active so long after the scenario's measured start (negative: in its warm-up), a pure function of elapsed time. Users are numbered from 0;
 * those below the result are active. `ramping-vus`: a straight line over each stage, rounded; a stage of length 0 is a jump.
 */
export function usersAt(spec: ClosedSpec, elapsedUs: number): number {
  if (elapsedUs >= spec.durationUs) return 0;
  if (spec.kind !== "ramping-vus") return elapsedUs < 0 && hasIterations(spec) ? 0 : spec.vus;
  let from = spec.startVus;
  let atUs = 0;
  for (const { durationUs, target } of spec.stages) {
    if (elapsedUs < atUs + durationUs) return Math.round(from + (target - from) * (Math.max(0, elapsedUs - atUs) / durationUs));
    atUs += durationUs;
    from = target;
  }
  return from;
}

/** Whether its iterations are counted: then there is no warm-up, which would use them up. */
export function hasIterations(spec: ClosedSpec): spec is Extract<ClosedSpec, { iterations: number }> {
  return spec.kind === "per-vu-iterations" || spec.kind === "shared-iterations";
}
