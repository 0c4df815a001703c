import { hash } from "node:crypto";
import type { Clock } from "../../runtime.ts";
import { normalizeQuery } from "../keys.ts";
import type { PopularityReader, PopularityRecorder } from "./contract.ts";
import { largestExponent, weightAt } from "./decay.ts";
import { SpaceSaving } from "./space-saving.ts";

/** Longer texts are not counted: nobody asks them twice, and they would fill what is kept. */
export const longestQueryChars = 8192;

/** What this process was asked, in bounded memory; gone with it. */
export function memoryPopularity({
  keep,
  halfLifeMs,
  clock,
}: {
  /** Questions. */
  keep: number;
  halfLifeMs: number;
  clock: Clock;
}): PopularityRecorder & PopularityReader {
  const sketch = new SpaceSaving(keep);
  let landmarkMs = clock.nowMs();

  function weightNow(): number {
    const nowMs = clock.nowMs();
    const weight = weightAt(nowMs, landmarkMs, halfLifeMs);
    if (weight < 2 ** largestExponent) return weight;
    sketch.scale(1 / weight);
    landmarkMs = nowMs;
    return 1;
  }

  return {
    record(query, weight = 1) {
      if (query.length <= longestQueryChars) sketch.add(normalizeQuery(query), weight * weightNow());
    },
    flush: async () => {},
    problem: () => undefined,
    close: async () => {},
    async top(limit) {
      const now = weightNow();
      const queries = sketch.top(limit).map(({ key, count, error }) => ({ query: key, count: count / now, error: error / now }));
      return { queries, references: sketch.references / now };
    },
    async textsOf(digests) {
      const wanted = new Set(digests);
      const texts = sketch.top(keep).map(({ key }) => [hash("sha256", key, "hex"), key] as const);
      return new Map(texts.filter(([digest]) => wanted.has(digest)));
    },
  };
}
