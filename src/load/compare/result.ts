import { z } from "zod";

const verdict = z.enum(["worse", "better", "no difference", "not comparable"]);

/** `null` stands for a percentile whose rank belongs to operations that failed or were dropped (slower than anything), and for a figure that was not measured. */
const figure = z.number().nullable();

const metricComparisonSchema = z.object({
  metric: z.string(),
  unit: z.enum(["us", "perSec", "fraction"]),
  a: figure,
  b: figure,
  effect: z
    .object({
      kind: z.enum(["ratio", "difference"]),
      /** B ÷ A, or B − A. */
      value: figure,
      low: figure,
      high: figure,
      /** Of the interval: 1 − the level that Holm's procedure tested this metric at. */
      confidence: z.number(),
    })
    .nullable(),
  pValue: z.number().nullable(),
  /** Windows per block of the bootstrap. */
  blockLength: z.number().nullable(),
  verdict,
  /** Why there is no verdict, or no test. */
  reason: z.string().optional(),
  maxRegression: z.number().optional(),
  /** Worse with significance and, where a limit is given, by more than it. */
  regression: z.boolean(),
});
export type MetricComparison = z.infer<typeof metricComparisonSchema>;

const runSchema = z.object({
  name: z.string(),
  operations: z.number(),
  windows: z.number(),
  windowMs: z.number(),
  durationMs: z.number(),
  targetPerSec: z.number().optional(),
});

export const compareResultSchema = z.object({
  verdict,
  /** True: exit 4. */
  regression: z.boolean(),
  reasons: z.array(z.string()),
  a: runSchema,
  b: runSchema,
  metrics: z.array(metricComparisonSchema),
  method: z.object({ alpha: z.number(), correction: z.string(), interval: z.string(), seed: z.number() }),
});
export type CompareResult = z.infer<typeof compareResultSchema>;
