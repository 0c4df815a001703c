import { z } from "zod";
import type { JsonSchema } from "../../config/json-schema.ts";
import { durationMs, ratePerSec } from "../../config/schema.ts";
import { profileJsonSchema, profileSchema } from "../../load/profile/schema.ts";
import { thresholdsSchema } from "../../load/thresholds/profile.ts";
import { parseObjective } from "../objectives.ts";
import { stepSchema } from "./step.ts";

/** An experiment as zod sees it. Inputs are what people write (`30s`, `99.9%`); durations come out in ms. */

const positiveDuration = durationMs.refine((ms) => ms > 0, "expected a duration above zero");
const positive = z.number().int().min(1);

/** Executors that go on for as long as the experiment does: how long is not theirs to say. */
const lasting = new Set(["constant-arrival-rate", "poisson", "constant-vus"]);

function withoutDurations(load: unknown): unknown {
  const scenarios = (load as { scenarios?: unknown } | null)?.scenarios;
  if (typeof scenarios !== "object" || scenarios === null || Array.isArray(scenarios)) return load;
  const each = Object.entries(scenarios as Record<string, unknown>).map(([name, scenario]) =>
    typeof scenario === "object" &&
    scenario !== null &&
    !("duration" in scenario) &&
    lasting.has((scenario as { executor: string }).executor)
      ? [name, { ...scenario, duration: "1m" }]
      : [name, scenario],
  );
  return { ...(load as object), scenarios: Object.fromEntries(each) as unknown };
}

const load = z
  .union([z.string().min(1), z.preprocess(withoutDurations, profileSchema)], {
    error: "expected the name of a load profile, its file, or the profile itself",
  })
  .describe(
    "a load profile by name (mixed), by file relative to this one, or in place; it goes on for as long as the experiment lasts, and its own thresholds are not judged",
  );

const setup = z
  .strictObject({
    points: positive.max(1_000_000).default(2000),
    dim: positive.max(4096).default(32),
    clusters: positive.default(20).describe("of the points: embeddings lie in clusters"),
    seed: z.number().int().default(1),
    writesApart: z
      .boolean()
      .default(false)
      .describe(
        "upserts, and fetches of what they wrote, have a second collection (ragctl-chaos-writes): a node that misses a write is set aside in the tables of that one alone, so that the other's reads depend on breakers",
      ),
  })
  .describe("a collection of its own (ragctl-chaos), made before and dropped afterwards");

const needs = z
  .strictObject({
    nodes: positive.optional(),
    zones: positive.optional(),
    replicas: positive.optional(),
    cache: z.boolean().optional(),
  })
  .prefault({})
  .describe("what the cluster must have at least");

const routing = z
  .strictObject({
    breaker: z.enum(["rolling", "fixed", "off"]).optional(),
    hedge: z.enum(["off", "p95"]).optional(),
    consistency: z.enum(["one", "quorum", "all"]).optional(),
    maxInFlightPerNode: positive.max(1024).optional(),
    maxRate: ratePerSec.optional(),
  })
  .prefault({})
  .describe("of the load's clients, in place of what the config says under routing");

const objective = z.string().superRefine((text, context) => {
  try {
    parseObjective(text);
  } catch (error) {
    context.addIssue({ code: "custom", message: (error as Error).message });
  }
});

export const experimentSchema = z.strictObject({
  $schema: z.string().optional(),
  description: z.string().optional(),
  seed: z.number().int().default(1).describe("decides which nodes random means"),
  needs,
  routing,
  setup: setup.optional(),
  load,
  steadyState: z
    .strictObject({
      thresholds: thresholdsSchema
        .default({})
        .describe("as of a load profile; default: the cluster's objectives, else errors below 1 %"),
      before: positiveDuration.prefault("15s").describe("measured for so long before anything is broken"),
      window: positiveDuration
        .prefault("5s")
        .describe("they hold from a moment on where they hold in each stretch of this length"),
    })
    .prefault({}),
  method: z.array(stepSchema).min(1),
  stopIf: z
    .array(z.string())
    .default([])
    .describe("what ends the method and heals at once: errors>5%, p99>2s, objectives (the cluster's); told by canary searches"),
  stopCommand: z.string().min(1).optional().describe("does the same once it fails; asked again and again"),
  recovery: z
    .strictObject({
      thresholds: thresholdsSchema.optional().describe("default: those of the steady state"),
      within: positiveDuration.prefault("30s").describe("after the last fault was healed"),
      stay: positiveDuration.prefault("5s").describe("must hold for so long without a break"),
      serving: z.boolean().default(true).describe("every node answers, and none is stale"),
    })
    .prefault({}),
  objectives: z
    .array(objective)
    .default(["lost<=0"])
    .describe(
      "recover<30s, recoverAfterHeal<10s, detect<2s, failover<5s, availability>99.9%, search.availability>99.9% (of one scenario), lost<=0, doubled<=0, stale<=0",
    ),
});

export type Experiment = z.output<typeof experimentSchema>;

/** The JSON Schema of what people write. */
export function experimentJsonSchema(): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(experimentSchema, { io: "input" }) as JsonSchema;
  const { $schema: _, ...loadProfile } = profileJsonSchema();
  optionalDurations(loadProfile);
  const properties = { ...rest.properties, load: { description: load.description, oneOf: [{ type: "string" }, loadProfile] } };
  return { $schema, title: "ragctl chaos profile", ...rest, properties };
}

/** How long is the experiment's to say. */
function optionalDurations(schema: JsonSchema): void {
  const scenarios = schema.properties?.["scenarios"]?.additionalProperties as JsonSchema | undefined;
  for (const shape of scenarios?.oneOf ?? [])
    if (Array.isArray(shape["required"]) && lasting.has(shape.properties?.["executor"]?.const as string))
      shape["required"] = shape["required"].filter((key) => key !== "duration");
}
