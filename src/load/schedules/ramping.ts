import type { RampingRateSpec, Schedule } from "../contract.ts";

interface Stretch {
  /** µs after the ramp's start. */
  fromUs: number;
  durationUs: number;
  startPerUs: number;
  /** Change of the rate, per µs². */
  slope: number;
  /** Operations before this stretch: a real number. */
  before: number;
}

/**
 * Ramping arrival rate: the rate is piecewise linear, N(t) its integral, and operation i is due where N(t) = i, as with a constant rate. In a stage that begins at
 * rate r and changes by a per µs, n operations after its start: t = 2n ÷ (r + √(r² + 2an)), the root of r t + a t² ÷ 2 = n that does not
 * cancel. Warm-up is an even beat at the first rate.
 */
export function rampingRate({ startRatePerSec, stages, warmupUs, durationUs }: Omit<RampingRateSpec, "kind">): Schedule {
  const stretches = stretchesOf(startRatePerSec, stages);
  const last = stretches.at(-1);
  const total = last ? Math.round(last.before + grown(last, last.durationUs)) : 0;
  const firstPerUs = (stages[0]?.durationUs === 0 ? stages[0].targetPerSec : startRatePerSec) / 1e6;
  const warmupCount = Math.round(warmupUs * firstPerUs);
  return {
    total: warmupCount + Math.max(1, total),
    warmupUs,
    endUs: warmupUs + durationUs,
    intendedUs(index) {
      if (index < warmupCount) return index / firstPerUs;
      return warmupUs + Math.min(durationUs, dueAt(stretches, index - warmupCount));
    },
  };
}

function stretchesOf(startRatePerSec: number, stages: RampingRateSpec["stages"]): Stretch[] {
  const stretches: Stretch[] = [];
  let fromUs = 0;
  let before = 0;
  let startPerUs = startRatePerSec / 1e6;
  for (const { durationUs, targetPerSec } of stages) {
    const endPerUs = targetPerSec / 1e6;
    if (durationUs > 0) {
      const stretch = { fromUs, durationUs, startPerUs, slope: (endPerUs - startPerUs) / durationUs, before };
      stretches.push(stretch);
      before += grown(stretch, durationUs);
      fromUs += durationUs;
    }
    startPerUs = endPerUs;
  }
  return stretches;
}

/** Operations of a stretch in its first `us`. */
function grown({ startPerUs, slope }: Stretch, us: number): number {
  return startPerUs * us + (slope * us * us) / 2;
}

function dueAt(stretches: readonly Stretch[], n: number): number {
  let low = 0;
  let high = stretches.length - 1;
  // The last stretch that begins with at most n operations: where the rate is zero for a while, the one after it.
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (stretches[middle]!.before <= n) low = middle;
    else high = middle - 1;
  }
  const { fromUs, durationUs, startPerUs, slope, before } = stretches[low]!;
  const rest = n - before;
  if (rest <= 0) return fromUs;
  const root = Math.sqrt(Math.max(0, startPerUs * startPerUs + 2 * slope * rest));
  return fromUs + Math.min(durationUs, (2 * rest) / (startPerUs + root));
}
