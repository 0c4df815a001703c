import { z } from "zod";
import type { JsonSchema } from "../../config/json-schema.ts";
import { durationMs, fraction, ratePerSec, sizeBytes } from "../../config/schema.ts";
import { thresholdsSchema } from "../thresholds/profile.ts";

/** A load profile as zod sees it. Inputs are what people write (`500/s`, `30s`); outputs are ms, per second and bytes. */

const positiveDuration = durationMs.refine((ms) => ms > 0, "expected a duration above zero");
const rateOrZero = z.union([z.literal(0), ratePerSec], { error: "expected a rate such as 500/s, or 0" });
const name = z.string().regex(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/, "expected letters, digits, '_' or '-', starting with a letter");
const positive = z.number().int().min(1);

const feed = z
  .strictObject({
    from: z
      .string()
      .min(1)
      .default("points")
      .describe("points: the collection's own; else a file of vectors or texts, relative to the profile"),
    format: z
      .enum(["npy", "fvecs", "bvecs", "ivecs", "hdf5", "parquet", "csv", "jsonl"])
      .optional()
      .describe("default: by the file's extension"),
    field: z.string().min(1).optional().describe("HDF5: the data set; Parquet, CSV, JSONL: the column"),
    choice: z.enum(["uniform", "sequential", "zipf"]).default("uniform"),
    exponent: z.number().positive().max(10).default(1).describe("of zipf"),
    limit: positive.optional().describe("rows taken at most; what fits into 256 MiB in any case"),
  })
  .prefault({});

const collection = z.string().min(1).optional().describe("default: the cluster's own, or the only one");

const operation = z.discriminatedUnion(
  "kind",
  [
    z.strictObject({
      kind: z.literal("search"),
      collection,
      k: positive.default(10),
      ef: positive.optional(),
      exact: z.boolean().default(false),
      filter: z.record(z.string(), z.unknown()).optional().describe("as Qdrant has it: must, should, must_not"),
      allowPartial: z.boolean().default(false),
      recall: z
        .strictObject({
          at: z.array(positive).min(1).optional().describe("the ks; default: k, and those of the thresholds"),
          samples: positive
            .default(200)
            .describe(
              "queries whose true neighbours are computed by exact search before the run; none where the feed's HDF5 file brings them",
            ),
        })
        .optional()
        .describe("judge the answers; on by itself where a threshold is about recall"),
    }),
    z.strictObject({
      kind: z.literal("upsert"),
      collection,
      batch: positive.max(1000).default(1),
      keys: positive.optional().describe("distinct keys, written over and over; default: each is written once"),
      freshness: z.boolean().default(true).describe("look for what was acknowledged until a search finds it"),
      probeEvery: positiveDuration.prefault("5ms"),
      probes: positive.max(256).default(8).describe("writes that are looked for at a time"),
    }),
    z.strictObject({
      kind: z.literal("fetch"),
      collection,
      batch: positive.max(1000).default(1),
      own: fraction
        .prefault(0)
        .describe(
          "share of the fetches that read back what the profile's upserts wrote and was acknowledged: one that is not there is an error",
        ),
    }),
    z.strictObject({
      kind: z.literal("rag"),
      endpoint: z.string().optional().describe("a name under the cluster's endpoints; default: the only one"),
      field: z.string().min(1).default("query").describe("of the JSON body, or the parameter of a GET, that holds the question"),
    }),
    z.strictObject({
      kind: z.literal("cache"),
      keys: positive.default(10_000).describe("distinct keys, chosen as feed.choice says"),
      valueBytes: sizeBytes.prefault("4KiB"),
      ttl: positiveDuration.prefault("1m"),
      writes: fraction.prefault(0).describe("share of the operations that are sets"),
      fill: z.boolean().default(true).describe("a miss is followed by a set"),
      standBy: z
        .boolean()
        .default(true)
        .describe("as an application: while Redis fails memory answers, and the result says so; false: its failures are errors"),
      zone: z
        .string()
        .min(1)
        .optional()
        .describe(
          "where cache.zones names caches: as who is in this zone, and goes to another zone's cache while its own does not answer",
        ),
    }),
    z.strictObject({
      kind: z.literal("cached-search"),
      collection,
      k: positive.default(10),
      ef: positive.optional(),
      servers: positive
        .max(64)
        .default(1)
        .describe("of the application, which take the questions in turn; each has a memory of its own, and begins empty"),
      cache: z
        .strictObject({
          driver: z
            .enum(["memory", "redis", "tiered"])
            .optional()
            .describe(
              "memory in each server, one Redis for all, or memory before Redis, which is that of the config; default: the config's",
            ),
          maxBytes: sizeBytes.optional().describe("of the memory of each server; default: the config's"),
          ttl: positiveDuration.optional().describe("default: cache.resultTtl of the config"),
          nearTtl: positiveDuration.optional().describe("of memory before Redis; default: the config's"),
          monthly: z.number().min(0).default(0).describe("what it costs a month, that of all servers together, in any currency"),
        })
        .prefault({}),
      backend: z
        .strictObject({
          plus: durationMs
            .prefault("0s")
            .describe("that a miss takes beside embedding and search: the model that an application asks"),
          price: z.number().min(0).optional().describe("of a call; default: cache.prices of the config"),
        })
        .prefault({}),
    }),
    z.strictObject({ kind: z.literal("embed"), batch: positive.max(1000).default(1) }),
    z.strictObject({
      kind: z.literal("http"),
      url: z.string().min(1),
      method: z.string().optional(),
      headers: z.record(z.string(), z.string()).default({}),
      body: z.string().optional(),
    }),
  ],
  { error: "expected one of search, upsert, fetch, rag, cache, cached-search, embed, http" },
);

const common = {
  operation,
  feed,
  startTime: durationMs.prefault("0s").describe("after the measured part begins"),
  tags: z.record(z.string(), z.string()).default({}),
  workers: positive.max(64).optional().describe("threads that send, default 1"),
  timeout: positiveDuration.optional(),
};
const maxInFlight = positive.optional().describe("default: 1000, or two seconds of the highest rate");
const thinkTime = durationMs.prefault("0s").describe("between an answer and the user's next operation");
const rateStages = z.array(z.strictObject({ duration: durationMs, target: rateOrZero })).min(1);
const userStages = z.array(z.strictObject({ duration: durationMs, target: z.number().int().min(0) })).min(1);

const scenario = z.discriminatedUnion(
  "executor",
  [
    z.strictObject({
      executor: z.literal("constant-arrival-rate"),
      rate: ratePerSec,
      duration: positiveDuration,
      maxInFlight,
      ...common,
    }),
    z.strictObject({
      executor: z.literal("ramping-arrival-rate"),
      startRate: rateOrZero.prefault(0),
      stages: rateStages,
      maxInFlight,
      ...common,
    }),
    z.strictObject({ executor: z.literal("poisson"), rate: ratePerSec, duration: positiveDuration, maxInFlight, ...common }),
    z.strictObject({
      executor: z.literal("replay"),
      log: z
        .string()
        .min(1)
        .describe(
          "JSONL with a time a line (at, timestamp, time or ts); its text or vector is the query unless feed says otherwise",
        ),
      speed: z.number().positive().default(1),
      maxInFlight,
      ...common,
    }),
    z.strictObject({ executor: z.literal("constant-vus"), vus: positive, duration: positiveDuration, thinkTime, ...common }),
    z.strictObject({
      executor: z.literal("ramping-vus"),
      startVUs: z.number().int().min(0).default(1),
      stages: userStages,
      thinkTime,
      ...common,
    }),
    z.strictObject({
      executor: z.literal("per-vu-iterations"),
      vus: positive.default(1),
      iterations: positive,
      maxDuration: positiveDuration.prefault("10m"),
      thinkTime,
      ...common,
    }),
    z.strictObject({
      executor: z.literal("shared-iterations"),
      vus: positive.default(1),
      iterations: positive,
      maxDuration: positiveDuration.prefault("10m"),
      thinkTime,
      ...common,
    }),
  ],
  {
    error:
      "expected one of constant-arrival-rate, ramping-arrival-rate, poisson, replay, constant-vus, ramping-vus, per-vu-iterations, shared-iterations",
  },
);

export const profileSchema = z
  .strictObject({
    $schema: z.string().optional(),
    description: z.string().optional(),
    warmup: durationMs.prefault("2s").describe("of scenarios that begin at once; in no count"),
    timeout: positiveDuration.prefault("5s").describe("per operation"),
    seed: z.number().int().default(1),
    checkGenerator: z
      .boolean()
      .default(false)
      .describe(
        "first measure what one operation costs this machine, and say how many machines the load needs where it is too much",
      ),
    thresholds: thresholdsSchema.default({}),
    scenarios: z.record(name, scenario).refine((each) => Object.keys(each).length > 0, "expected at least one scenario"),
  })
  .superRefine(({ scenarios }, context) => {
    for (const [key, each] of Object.entries(scenarios)) {
      if (!("stages" in each)) continue;
      const total = each.stages.reduce((sum, { duration }) => sum + duration, 0);
      const path = ["scenarios", key, "stages"];
      if (total <= 0) context.addIssue({ code: "custom", path, message: "expected stages that take some time together" });
      const most = Math.max("startVUs" in each ? each.startVUs : each.startRate, ...each.stages.map(({ target }) => target));
      if (most <= 0) context.addIssue({ code: "custom", path, message: "expected a target above zero somewhere" });
    }
  });

export type Profile = z.output<typeof profileSchema>;
export type ScenarioProfile = Profile["scenarios"][string];
export type FeedProfile = ScenarioProfile["feed"];
export type OperationProfile = ScenarioProfile["operation"];

/** The JSON Schema of what people write. */
export function profileJsonSchema(): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(profileSchema, { io: "input" }) as JsonSchema;
  return { $schema, title: "ragctl load profile", ...rest };
}
