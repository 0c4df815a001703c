import { z } from "zod";

const count = z.number().int().min(0);
const microseconds = z.number().min(0).nullable().describe("µs; null without samples");
const quantile = z.enum(["p50", "p90", "p95", "p99", "p999"]);

const latency = z.object({
  n: count,
  min: microseconds,
  mean: microseconds,
  p50: microseconds,
  p90: microseconds,
  p95: microseconds,
  p99: microseconds,
  p999: microseconds,
  max: microseconds,
  unsupported: z.array(quantile).describe("percentiles with fewer than ten samples beyond them: little more than single samples"),
});

const counts = z
  .object({ scheduled: count, sent: count, completed: count, ok: count, errors: count, dropped: count, unfinished: count })
  .describe("scheduled = sent + dropped, sent = completed + unfinished, completed = ok + errors; warm-up is in none of them");

const brief = z.object({ p50: microseconds, p95: microseconds, p99: microseconds, max: microseconds });
const delay = brief.omit({ p95: true });

const byCause = z.record(z.string(), count);
const interval = z.object({ low: z.number(), high: z.number() });

const recall = z.object({
  k: count,
  n: count.describe("searches whose true neighbours are known"),
  mean: z.number(),
  low: z.number().describe("95 % interval of the mean"),
  high: z.number(),
});
const time = z.object({
  name: z.string(),
  never: count.describe("that did not come: infinitely slow to a threshold"),
  timeUs: latency,
});
const recallInWindow = z
  .record(z.string(), z.object({ n: count, mean: z.number() }))
  .optional()
  .describe("by name: recall@10");

const target = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("http"), url: z.string(), method: z.string(), bodyBytes: count }),
  z.object({
    kind: z.literal("search"),
    cluster: z.string(),
    topology: z.string(),
    collection: z.string(),
    k: count,
    ef: count.nullable(),
    queries: z.object({ from: z.string(), count, dim: count }),
    nodes: z.array(z.object({ id: z.string(), url: z.string() })),
  }),
  z.object({
    kind: z.literal("profile"),
    profile: z.string(),
    file: z.string(),
    cluster: z.string().nullable(),
    topology: z.string().nullable(),
    nodes: z.array(z.object({ id: z.string(), url: z.string() })),
    scenarios: z.array(z.object({ name: z.string(), does: z.string() })),
  }),
]);

const share = z.number().min(0);

const scenario = z.object({
  name: z.string(),
  tags: z.record(z.string(), z.string()),
  operation: z.string(),
  executor: z.enum([
    "constant-arrival-rate",
    "ramping-arrival-rate",
    "poisson",
    "replay",
    "constant-vus",
    "ramping-vus",
    "per-vu-iterations",
    "shared-iterations",
  ]),
  startMs: z.number(),
  durationMs: z.number(),
  ratePerSec: z.number().optional().describe("of an open executor: its mean"),
  vus: count
    .optional()
    .describe("of a closed executor: users at most; its response time is its service time, and a slow target is asked less"),
  iterations: count.optional(),
});

/** The published result of a load run: what `--json` prints, `--out` writes and a comparison reads. */
export const loadResultSchema = z.object({
  verdict: z.enum(["pass", "fail", "inconclusive"]),
  reasons: z.array(z.string()),
  interrupted: z.boolean(),
  target,
  spec: z.object({
    executor: z.string().describe("of the only scenario; several: see scenarios"),
    ratePerSec: z.number().nullable().describe("of the open scenarios, on average; null where all are closed"),
    warmupMs: z.number(),
    durationMs: z.number(),
    timeoutMs: z.number(),
    maxInFlight: count,
    workers: count,
    seed: z.number(),
  }),
  scenarios: z.array(scenario),
  startedAt: z.string().describe("when the measured part began, ISO 8601"),
  elapsedMs: z.number().describe("of the measured part: until the last operation had ended"),
  counts,
  errorsByCause: z.record(z.string(), count),
  droppedByCause: z.record(z.string(), count),
  rates: z.object({ targetPerSec: z.number().nullable(), sentPerSec: z.number(), completedPerSec: z.number() }),
  responseTimeUs: latency.describe("of ok operations: end − intended start"),
  responseIntervalsUs: z
    .partialRecord(quantile, interval)
    .describe("95 % intervals of the percentiles that have the samples for one, widened by how much latencies come in bursts"),
  serviceTimeUs: latency.describe("of ok operations: end − actual send"),
  scheduleLagUs: latency.describe("of all that were sent: actual send − intended start"),
  thresholds: z.array(
    z.object({
      expression: z.string(),
      source: z.enum(["flag", "objective", "default", "profile"]),
      ok: z.boolean(),
      actual: z.number().nullable().describe("µs, or a fraction; null: infinitely slow"),
      actualServiceTime: z.number().nullable().optional(),
      unit: z.enum(["us", "fraction"]),
      limit: z.number(),
      n: count.describe("operations that were ranked, or figures that were averaged; a threshold on nothing fails"),
      interval: interval.optional().describe("of a mean recall, 95 %"),
      windows: z
        .object({ lengthMs: z.number(), count, failed: count, worstAtMs: z.number() })
        .optional()
        .describe("of a threshold that must hold in each window: `actual` is the worst one's"),
    }),
  ),
  perNode: z.array(
    z.object({
      node: z.string(),
      requests: count,
      ok: count,
      errors: count,
      errorsByCause: z.record(z.string(), count),
      serviceTimeUs: latency,
    }),
  ),
  perScenario: z
    .array(
      z.object({
        name: z.string(),
        operation: z.string(),
        counts,
        errorsByCause: byCause,
        droppedByCause: byCause,
        responseTimeUs: latency,
        serviceTimeUs: latency,
        scheduleLagUs: latency,
        times: z.array(time),
        recall: z.array(recall),
        cache: byCause.optional().describe("ok operations by what the cache said; empty where none was asked"),
      }),
    )
    .describe("empty for a single scenario"),
  perCache: z
    .array(z.object({ outcome: z.string(), responseTimeUs: latency }))
    .describe(
      "ok operations by what the cache said: hit, near-hit, miss, shared, write; with memory- before it while memory alone answered",
    ),
  caching: z
    .array(
      z.object({
        scenario: z.string(),
        tags: z.record(z.string(), z.string()),
        driver: z.enum(["memory", "redis", "tiered"]),
        servers: count.describe("of the application, each with a memory of its own"),
        requests: count.describe("that were answered"),
        hits: count,
        nearHits: count.describe("of them from the memory before Redis"),
        shared: count.describe("waited for a call that was under way"),
        hitRate: share,
        backendCalls: count.describe("embedding and search, refreshes ahead of time included"),
        backendFailures: count.describe("of them"),
        backendTimeUs: latency.nullable().describe("of those that were answered"),
        backendPlusMs: z.number().describe("of it, what the profile adds"),
        responseTimeUs: latency,
        price: z.number().describe("of a backend call"),
        cost: z.number().describe("of the backend calls"),
        monthly: z.number().describe("what the cache itself costs"),
        costPerMonth: z.number().nullable().describe("of backend calls at the run's rate, and the cache; 730 hours"),
      }),
    )
    .optional()
    .describe("of cached searches: what each cache was worth, side by side"),
  memoryOnly: z
    .array(
      z.object({
        where: z.string().describe("the Redis that failed"),
        fromMs: z.number().describe("after the measured part began"),
        untilMs: z.number().nullable().describe("null: it still did when the run ended"),
        problem: z.string(),
      }),
    )
    .optional()
    .describe("when a cache went on from memory because its Redis failed; absent where none did"),
  times: z.array(time).describe("what operations measured beside their response time: freshness, timeToFirstToken"),
  recall: z.array(recall).describe("of the searches whose true neighbours are known"),
  recallTruth: z
    .array(
      z.object({
        scenario: z.string(),
        from: z.enum(["data set", "exact search"]),
        queries: count.describe("that have a truth"),
        file: z.string().optional().describe("that brought neighbours"),
        because: z.string().optional().describe("why those of the file were not used"),
      }),
    )
    .optional()
    .describe("where the true neighbours came from"),
  audit: z
    .array(
      z.object({
        check: z.string(),
        value: z.number(),
        limit: z.number(),
        unit: z.enum(["us", "share", "count"]),
        message: z.string(),
      }),
    )
    .describe("what may have made the generator itself part of what was measured; it does not change the verdict"),
  abortedBy: z.string().nullable().describe("the threshold that ended the run before its time"),
  generator: z.object({
    colocated: z.boolean().describe("the target runs on this machine"),
    cores: count,
    node: z.string(),
    platform: z.string(),
    workers: z.array(
      z.object({
        busy: share.describe("share of the time that its event loop was busy"),
        cpu: share.nullable().describe("processor time, as a share of one core"),
        eventLoopDelayUs: delay.describe("from the pacer's message until the loop took it"),
        connectionsOpened: count.nullable(),
        gc: z.object({ share, longestUs: z.number(), count }).describe("garbage collection: share of the time, longest pause"),
      }),
    ),
    nodesCpu: z
      .array(z.object({ node: z.string(), cpu: share }))
      .optional()
      .describe("of the nodes that run on this machine: processor time, as a share of one core (Linux)"),
    pacer: z
      .object({
        cpu: share.nullable().describe("processor time, as a share of one core"),
        wakes: count,
        oversleepUs: z.number(),
        spinUs: z.number(),
      })
      .nullable()
      .describe("of all open scenarios together; null where all are closed"),
  }),
  writes: z
    .object({ tag: z.string(), collections: z.array(z.string()), deleted: count, kept: z.boolean() })
    .optional()
    .describe("the points that the run itself wrote, marked with the tag in their payload, and how many were deleted afterwards"),
  generatorCheck: z
    .object({
      cpuPerOperationUs: z.number(),
      wantedPerSec: z.number(),
      cores: count,
      usableShare: z.number(),
      perMachinePerSec: z.number(),
      machines: count,
    })
    .optional()
    .describe("why the load was not started: what one operation costs this machine, measured by a short run of a few users"),
  events: z
    .array(
      z.object({
        atMs: z.number().describe("after the measured part began"),
        kind: z.string(),
        name: z.string(),
        phase: z.enum(["start", "end"]),
        detail: z.unknown().optional(),
      }),
    )
    .describe(
      "what happened meanwhile: this run's own phases, faults and migrations of the cluster, what clients made of nodes and caches, and what --events told",
    ),
  histograms: z
    .object({ responseTime: z.string(), serviceTime: z.string() })
    .optional()
    .describe("of ok operations of the whole run: HdrHistogram V2 compressed, base64, µs; in files only"),
  windows: z.array(
    z.object({
      second: count,
      seconds: count.describe("its length; more than one in a run of more than half an hour"),
      counts,
      errorsByCause: byCause,
      droppedByCause: byCause,
      responseTimeUs: brief,
      serviceTimeUs: brief,
      scheduleLagUs: brief,
      recall: recallInWindow,
      times: z
        .record(z.string(), brief.extend({ n: count, never: count }))
        .optional()
        .describe("by name: freshness"),
      perNode: z.record(z.string(), z.object({ requests: count, errors: count, serviceTimeUs: brief })),
      perScenario: z.record(z.string(), z.object({ counts, responseTimeUs: brief, recall: recallInWindow })),
      perCache: z.record(z.string(), z.object({ n: count, responseTimeUs: brief })),
      responseHistogram: z.string().optional().describe("HdrHistogram V2 compressed, base64, µs; in files only"),
    }),
  ),
  series: z
    .object({
      windowMs: z.number(),
      windows: z.array(
        z.object({
          startMs: z.number(),
          ok: count,
          errors: count.describe("unfinished ones too"),
          dropped: count,
          responseHistogram: z.string().optional(),
          recall: z.object({ n: count, sum: z.number() }).optional(),
        }),
      ),
    })
    .optional()
    .describe("of a run of less than a minute, the windows finer than a second that a comparison needs; in files only"),
});

export type LoadResult = z.output<typeof loadResultSchema>;
export type LoadTarget = LoadResult["target"];

/** A run on its way. */
export interface LoadProgress {
  /** Since the measured part began; negative during warm-up. */
  elapsedMs: number;
  leftMs: number;
  counts: LoadResult["counts"];
  responseP50Us: number | undefined;
  responseP95Us: number | undefined;
  responseP99Us: number | undefined;
  /** Null where all scenarios are closed. */
  targetPerSec: number | null;
  errorsByCause: Readonly<Record<string, number>>;
  perNode: readonly { node: string; requests: number; errors: number; serviceP99Us: number | undefined }[];
}
