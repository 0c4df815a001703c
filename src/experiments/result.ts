import { z } from "zod";
import { checkedWritesSchema } from "./checker/result.ts";
import { blastRadiusSchema, stoppedBySchema } from "../faults/guard/result.ts";
import { loadResultSchema } from "../load/result.ts";

/** Ms after the measurement began, which is before anything was broken. */
const atMs = z.number();
const ms = z.number().nullable();
const count = z.number().int().min(0);
const share = z.number().min(0).max(1);

const threshold = z.object({
  expression: z.string(),
  ok: z.boolean(),
  actual: z.number().nullable().describe("µs, or a fraction; null: infinitely slow, or not measured"),
  unit: z.enum(["us", "fraction"]),
  limit: z.number(),
  n: count,
});

const phase = z.object({
  name: z.enum(["before", "during", "after"]),
  fromMs: atMs,
  toMs: atMs,
  scheduled: count,
  availability: share,
  errorsByCause: z.record(z.string(), count),
  p50Us: z.number().nullable(),
  p99Us: z.number().nullable(),
  recall: z.number().nullable(),
  thresholds: z.array(threshold),
});

const rate = share.nullable();

/** What warming a cache came to. */
const warming = z.object({
  zone: z.string().nullable().describe("whose cache; null: that of all zones without one"),
  planned: count.describe("questions"),
  warmed: count,
  skipped: count.describe("they were there already"),
  failed: count,
  left: count.describe("its time was up"),
  hitRateBefore: rate.describe("of what the load asks later, the share that would be found in that cache"),
  hitRateAfter: rate,
  predictedHitRate: rate,
  elapsedMs: z.number(),
});
export type Warming = z.output<typeof warming>;

const step = z.object({
  name: z.string(),
  kind: z.enum(["fault", "wait", "until", "scale", "warm", "ragctl", "command"]),
  startMs: atMs.nullable().describe("null: not begun"),
  endMs: atMs.nullable(),
  outcome: z.enum(["done", "failed", "refused", "stopped", "skipped"]),
  message: z.string().optional(),
  nodes: z.array(z.string()).optional().describe("of a fault"),
  warming: warming.optional(),
  fault: z
    .object({
      id: z.string(),
      fault: z.string(),
      injectedMs: atMs,
      healedMs: ms.describe("proven gone; null: it is not"),
      detectMs: ms.describe("until a client knew"),
      failoverMs: ms.describe(
        "until operations were ok again although it lasted; 0: they never were not; null: not before it was healed",
      ),
      recoverMs: ms.describe("until the steady state held again, and stayed"),
    })
    .optional(),
});

const node = z.object({
  node: z.string(),
  breakerOpened: count.describe("by all clients together"),
  breakerOpenMs: z.number().describe("of the client in which it was longest"),
  staleMs: z.number(),
  silentMs: z.number(),
  hedges: count,
  requestShare: z
    .object({ before: share.nullable(), during: share.nullable(), after: share.nullable() })
    .describe("of all requests"),
});

const event = z.object({
  atMs,
  kind: z.string(),
  name: z.string(),
  phase: z.enum(["start", "end"]),
  detail: z.unknown().optional(),
});

/** What `ragctl chaos run` answers. */
const experimentResultSchema = z.object({
  verdict: z.enum(["pass", "fail", "inconclusive"]),
  reasons: z.array(z.string()),
  interrupted: z.boolean(),
  stoppedBy: stoppedBySchema.nullable().describe("what ended the method before its time: a condition of the profile"),
  experiment: z.object({ name: z.string(), file: z.string(), description: z.string().optional(), seed: z.number() }),
  cluster: z.string(),
  collection: z.string().nullable().describe("that the experiment made for itself, and dropped"),
  startedAt: z.string().describe("when the measurement began, ISO 8601"),
  steadyState: z.object({
    windowMs: z.number(),
    thresholds: z.array(z.string()),
    before: z.enum(["held", "failed", "inconclusive"]),
    after: z.enum(["held", "failed", "unknown"]),
  }),
  availability: share.describe("share of all operations that were ok, from the first fault to the end"),
  detectMs: ms.describe("of the fault that took longest"),
  failoverMs: ms,
  recoverMs: ms.describe(
    "RTO: from a fault until the steady state held again and stayed, of the fault that took longest; null: never, or no fault",
  ),
  recoverAfterHealMs: ms.describe("the same, from the moment when the last fault was proven gone"),
  writes: checkedWritesSchema.nullable().describe("of the checker; null: the load did not write, or it could not be audited"),
  objectives: z.array(
    z.object({
      expression: z.string(),
      ok: z.boolean(),
      actual: z.number().nullable(),
      unit: z.enum(["ms", "share", "count"]),
      limit: z.number(),
    }),
  ),
  phases: z.array(phase),
  steps: z.array(step),
  nodes: z.array(node).describe("what balancer and breakers did"),
  seconds: z.array(
    z.object({
      atMs,
      scheduled: count,
      ok: count,
      p99Us: z.number().nullable(),
      recall: z.number().nullable(),
      holds: z.boolean().nullable().describe("whether the thresholds hold in the stretch that begins here; null: not judged"),
    }),
  ),
  unhealed: z.array(z.object({ id: z.string(), message: z.string() })),
  timeline: z.array(event),
  load: loadResultSchema,
});

export type ExperimentResult = z.output<typeof experimentResultSchema>;
export type StepResult = ExperimentResult["steps"][number];

/** What `ragctl chaos run --dry-run` answers. */
const experimentPlanSchema = z.object({
  dryRun: z.literal(true),
  experiment: z.object({ name: z.string(), file: z.string(), description: z.string().optional(), seed: z.number() }),
  cluster: z.string(),
  load: z.array(
    z.object({
      scenario: z.string(),
      operation: z.string(),
      executor: z.string(),
      ratePerSec: z.number().nullable(),
      peakPerSec: z.number().nullable(),
    }),
  ),
  thresholds: z.array(z.string()),
  objectives: z.array(z.string()),
  beforeMs: z.number(),
  methodMs: z.number().describe("at most, where steps take as long as they take"),
  exact: z.boolean(),
  recoverWithinMs: z.number(),
  steps: z.array(
    z.object({
      name: z.string(),
      kind: step.shape.kind,
      atMs: z.number().describe("after the method begins"),
      exact: z.boolean(),
      lengthMs: z.number(),
      nodes: z.array(z.string()).optional(),
      radius: blastRadiusSchema.optional().describe("on the cluster as it is now"),
      impossible: z.string().optional().describe("why it cannot be worked out now"),
    }),
  ),
});
export type ExperimentPlan = z.output<typeof experimentPlanSchema>;

export const chaosRunSchema = z.union([experimentResultSchema, experimentPlanSchema]);
export type ChaosRun = z.output<typeof chaosRunSchema>;
