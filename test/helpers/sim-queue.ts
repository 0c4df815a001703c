import type { CompareWindow } from "../../src/load/compare/series.ts";
import type { Rng } from "../../src/runtime.ts";

/** One standard normal (Box & Muller). */
export function normal(rng: Rng): number {
  return Math.sqrt(-2 * Math.log(1 - rng())) * Math.cos(2 * Math.PI * rng());
}

/** Service times in ms, one after the other; each has mean `meanMs`. */
export type Service = (meanMs: number, rng: Rng) => () => number;

/** Independent lognormal service times. */
export const lognormal =
  (sigma: number): Service =>
  (meanMs, rng) =>
  () =>
    meanMs * Math.exp(sigma * normal(rng) - (sigma * sigma) / 2);

/** Lognormal, the logarithm an AR(1) with correlation `phi` from one request to the next. */
export const autoregressive =
  (sigma: number, phi: number): Service =>
  (meanMs, rng) => {
    let state = normal(rng);
    return () => {
      state = phi * state + Math.sqrt(1 - phi * phi) * normal(rng);
      return meanMs * Math.exp(sigma * state - (sigma * sigma) / 2);
    };
  };

/** Lognormal, but for bursts (compactions, garbage collection) of `length` requests on average, `factor` times slower, a `share` of all. */
export const bursty =
  (sigma: number, { share, length, factor }: { share: number; length: number; factor: number }): Service =>
  (meanMs, rng) => {
    const base = lognormal(sigma)(meanMs / (1 + share * (factor - 1)), rng);
    let slow = rng() < share;
    return () => {
      if (rng() < (slow ? 1 / length : share / (length * (1 - share)))) slow = !slow;
      return base() * (slow ? factor : 1);
    };
  };

export interface QueueRun {
  windows: CompareWindow[];
  windowMs: number;
  durationMs: number;
  ratePerSec: number;
}

/**
 * A first-come first-served queue under open-loop load, warmed up with 200 requests that are not recorded.
 * @param meanMs mean service time; utilisation is ratePerSec × meanMs ÷ 1000 ÷ servers
 */
export function simulateQueue(options: {
  samples: number;
  ratePerSec: number;
  meanMs: number;
  service: Service;
  rng: Rng;
  arrivals?: "poisson" | "constant";
  servers?: number;
  windowMs?: number;
}): QueueRun {
  const { samples, ratePerSec, meanMs, rng, arrivals = "poisson", servers = 1, windowMs = 1000 } = options;
  const service = options.service(meanMs, rng);
  const freeMs = new Float64Array(servers).fill(-Infinity);
  const durationMs = (samples / ratePerSec) * 1000;
  const perWindow: Map<number, number>[] = Array.from({ length: Math.max(1, Math.ceil(durationMs / windowMs)) }, () => new Map());
  const warm = 200;
  let atMs = (-warm / ratePerSec) * 1000;
  for (;;) {
    atMs += (arrivals === "poisson" ? -Math.log(1 - rng()) : 1) * (1000 / ratePerSec);
    if (atMs >= durationMs) break;
    let next = 0;
    for (let i = 1; i < servers; i++) if (freeMs[i]! < freeMs[next]!) next = i;
    const doneMs = Math.max(atMs, freeMs[next]!) + service();
    freeMs[next] = doneMs;
    if (atMs < 0) continue;
    const bucket = perWindow[Math.min(perWindow.length - 1, Math.floor(atMs / windowMs))]!;
    const us = hdrValue(Math.max(1, Math.round((doneMs - atMs) * 1000)));
    bucket.set(us, (bucket.get(us) ?? 0) + 1);
  }
  const windows = perWindow.map((bucket, index) => {
    const sorted = [...bucket].sort((a, b) => a[0] - b[0]);
    const ok = sorted.reduce((sum, [, count]) => sum + count, 0);
    return {
      startMs: index * windowMs,
      counts: { ok, errors: 0, dropped: 0 },
      latencyUs: { values: sorted.map(([value]) => value), counts: sorted.map(([, count]) => count) },
    };
  });
  return { windows, windowMs, durationMs, ratePerSec };
}

/** As an HDR histogram of three digits would store it: 2,048 values, then steps that double. */
function hdrValue(us: number): number {
  const shift = Math.max(0, Math.floor(Math.log2(us)) - 10);
  return (us >> shift) << shift;
}
