import type { ConstantRateSpec, Schedule } from "../contract.ts";

/**
 * Constant arrival rate: operation i is due at i / rate, in one even beat through warm-up and measurement. Warm-up and
 * duration each hold exactly rate × length operations, rounded; the beat begins anew where the measurement begins.
 */
export function constantRate({ ratePerSec, warmupUs, durationUs }: Omit<ConstantRateSpec, "kind">): Schedule {
  const gapUs = 1e6 / ratePerSec;
  const warmupCount = Math.round(warmupUs / gapUs);
  return {
    total: warmupCount + Math.max(1, Math.round(durationUs / gapUs)),
    warmupUs,
    endUs: warmupUs + durationUs,
    intendedUs: (index) => (index < warmupCount ? index * gapUs : warmupUs + (index - warmupCount) * gapUs),
  };
}
