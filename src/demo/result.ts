import { z } from "zod";

// Null where no operation was ok.
const microseconds = z.number().nullable();
const percentiles = z.object({ p50: microseconds, p95: microseconds, p99: microseconds, max: microseconds });

const loadStep = z.object({
  verdict: z.string(),
  sentPerSec: z.number(),
  completed: z.number().int(),
  errors: z.number().int(),
  responseTimeUs: percentiles,
});

/** What `ragctl demo` gives back: every command it typed, and the two load runs beside each other. */
export const demoResult = z.object({
  steps: z.array(z.object({ command: z.string(), exitCode: z.number().int(), seconds: z.number() })),
  calm: loadStep.optional(),
  nodeKilled: loadStep.optional(),
  verdict: z.enum(["pass", "fail", "inconclusive"]),
});

export type DemoResult = z.output<typeof demoResult>;
export type DemoLoad = z.output<typeof loadStep>;
