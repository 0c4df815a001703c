import { z } from "zod";

const percentiles = z.object({ p50: z.number(), p95: z.number(), p99: z.number(), max: z.number() });

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
