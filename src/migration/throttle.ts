import type { Clock } from "../runtime.ts";
import type { MaxRate } from "../sharding/plan/price.ts";
import { formatBytes, formatRate, parseRatePerSec, parseSizeBytes } from "../units.ts";
import { unlimited, type Throttle } from "./contract.ts";

/** `500`, `500/s`, `30000/m`: points; `10MiB/s`, `64MB`: bytes, per second. @throws Error with a sentence */
export function parseMaxRate(text: string): MaxRate {
  try {
    const size = text.replace(/\/s$/, "");
    if (size.includes("/") || !/[bkmgt]i?b?$/i.test(size)) return { per: "points", perSec: parseRatePerSec(text) };
    const perSec = parseSizeBytes(size);
    if (perSec > 0) return { per: "bytes", perSec };
  } catch {
    // Said below, for both.
  }
  throw new Error(`expected points or bytes a second, such as 500/s or 10MiB/s, got "${text}"`);
}

export function formatMaxRate({ per, perSec }: MaxRate): string {
  return per === "bytes" ? `${formatBytes(perSec)}/s` : `${formatRate(perSec).replace("/s", "")} points/s`;
}

/**
 * A token bucket on the clock that holds a quarter of a second's worth. What is taken may exceed what is there: the debt is waited off
 * before the next, so that a page larger than the bucket passes and the mean rate holds.
 */
export function tokenBucket(rate: MaxRate | undefined, clock: Clock): Throttle {
  if (!rate) return unlimited;
  const capacity = rate.perSec / 4;
  let tokens = capacity;
  let atUs = clock.monotonicUs();
  const refill = () => {
    const nowUs = clock.monotonicUs();
    tokens = Math.min(capacity, tokens + ((nowUs - atUs) / 1e6) * rate.perSec);
    atUs = nowUs;
  };
  return {
    async take(points, bytes, signal) {
      refill();
      tokens -= rate.per === "points" ? points : bytes;
      // Each taker waits for its own debt; others that come meanwhile make a deeper one.
      if (tokens < 0) await clock.sleep((-tokens / rate.perSec) * 1000, signal);
    },
  };
}
