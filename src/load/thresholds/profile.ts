import { z } from "zod";
import { parseDurationMs } from "../../units.ts";
import type { ThresholdInput } from "../contract.ts";
import { parseThreshold } from "./parse.ts";

const duration = z.string().refine(
  (text) => {
    try {
      return parseDurationMs(text) >= 0;
    } catch {
      return false;
    }
  },
  { message: "expected a duration such as 250ms, 10s or 1h30m" },
);

const one = z.union([
  z.string(),
  z.strictObject({
    threshold: z.string().describe("p99<100ms, rate<0.1%, mean>0.95, achieved>99%"),
    window: duration.optional().describe("must hold in each window of this length, not only over the whole run"),
    abortOnFail: z.boolean().optional().describe("end the run once it fails"),
    delay: duration.optional().describe("but not before so long into the measured part (default 10s)"),
  }),
]);

/** `thresholds:` of a profile: by metric, `search.responseTime: ["p99<100ms", {threshold: "p99.9<250ms", window: 10s}]`. */
export const thresholdsSchema = z
  .record(z.string(), z.union([one, z.array(one).min(1)]))
  .superRefine((value, context) => {
    for (const [metric, list] of Object.entries(value))
      for (const [index, each] of (Array.isArray(list) ? list : [list]).entries())
        try {
          parseThreshold({ metric, expression: typeof each === "string" ? each : each.threshold, source: "profile" });
        } catch (error) {
          context.addIssue({
            code: "custom",
            path: Array.isArray(list) ? [metric, index] : [metric],
            message: (error as Error).message,
          });
        }
  })
  .describe(
    "by metric: responseTime, errors, rate, recall@K, freshness; a scenario's name or a kind of operation may stand before it",
  );

export type ProfileThresholds = z.output<typeof thresholdsSchema>;

const defaultDelayMs = 10_000;

export function profileThresholds(thresholds: ProfileThresholds): ThresholdInput[] {
  return Object.entries(thresholds).flatMap(([metric, list]) =>
    (Array.isArray(list) ? list : [list]).map((each) => inputOf(metric, each)),
  );
}

function inputOf(metric: string, each: z.output<typeof one>): ThresholdInput {
  if (typeof each === "string") return { metric, expression: each, source: "profile" };
  const { threshold, window, abortOnFail, delay } = each;
  return {
    metric,
    expression: threshold,
    source: "profile",
    ...(window !== undefined && { windowUs: parseDurationMs(window) * 1000 }),
    ...(abortOnFail && { abortAfterUs: (delay === undefined ? defaultDelayMs : parseDurationMs(delay)) * 1000 }),
  };
}
