import type { LoadProgress } from "../load/result.ts";
import { ndjson } from "./ndjson.ts";

/** One look at a run as one line of JSON: counts so far, percentiles so far in µs. */
export function progressLineJson(atMs: number, progress: LoadProgress): string {
  const { elapsedMs, leftMs, counts, targetPerSec, responseP50Us, responseP95Us, responseP99Us, errorsByCause, perNode } =
    progress;
  return ndjson([
    {
      at: new Date(atMs).toISOString(),
      phase: elapsedMs < 0 ? "warm-up" : leftMs > 0 ? "measure" : "drain",
      elapsedMs: Math.round(elapsedMs),
      leftMs: Math.round(leftMs),
      targetPerSec,
      counts,
      responseTimeUs: { p50: responseP50Us ?? null, p95: responseP95Us ?? null, p99: responseP99Us ?? null },
      errorsByCause,
      perNode,
    },
  ]);
}
