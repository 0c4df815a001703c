import { createHash } from "node:crypto";
import { z } from "zod";
import { usageError } from "../errors.ts";
import { algorithms, metrics, type Metric } from "./contract.ts";

const modelFormat = "ragctl-semantic-model";

/** What is worth knowing of how a model came about. */
const trainingSchema = z.object({
  algorithm: z.enum(algorithms),
  seed: z.number().int(),
  restarts: z.number().int().positive(),
  epsilon: z.number().positive().nullable().describe("of balanced; null else"),
  iterations: z.number().int().nonnegative(),
  rows: z.number().int().positive().describe("of the source"),
  sample: z.number().int().positive().describe("rows that centroids were fitted on"),
  inertia: z.number().nonnegative().describe("over all rows"),
  source: z.object({ kind: z.enum(["file", "collection"]), name: z.string() }),
});

const shardSchema = z.object({
  size: z.number().int().nonnegative(),
  inertia: z.number().nonnegative(),
  radius: z.number().nonnegative(),
});

const modelSchema = z.strictObject({
  format: z.literal(modelFormat, { error: "this is not a model of ragctl rebalance fit" }),
  schemaVersion: z.literal(1, { error: "expected a model of version 1: this ragctl knows no other" }),
  modelId: z.string().regex(/^[0-9a-f]{12}$/),
  fingerprint: z.string().regex(/^[0-9a-f]{64}$/),
  metric: z.enum(metrics),
  dim: z.number().int().positive(),
  centroids: z.string().describe("float32, little-endian, row by row, in base64"),
  offsets: z.array(z.number()).nullable().describe("added to the squared distance to each centroid: what balance costs"),
  spill: z.object({ ratio: z.number().min(1), share: z.number().min(0).max(1) }).nullable(),
  training: trainingSchema,
  shards: z.array(shardSchema).min(1),
});
type ModelFile = z.output<typeof modelSchema>;

/** A fitted model: which cell a vector belongs to, and how it came about. */
export interface SemanticModel extends Pick<ModelFile, "metric" | "dim" | "spill" | "training" | "shards"> {
  /** A row for each cell. Under cosine and dot of length one. */
  centroids: Float32Array;
  /** By cell; absent: all 0. */
  offsets?: Float64Array;
  modelId: string;
  /** SHA-256 of everything that decides a vector's cell. */
  fingerprint: string;
}

export type ModelDraft = Omit<SemanticModel, "modelId" | "fingerprint">;

/** Gives a model its name, by what decides a vector's cell: a fit that comes to the same has the same name. */
export function nameModel(draft: ModelDraft): SemanticModel {
  const fingerprint = fingerprintOf(draft);
  return { ...draft, modelId: fingerprint.slice(0, 12), fingerprint };
}

function fingerprintOf({ metric, dim, centroids, offsets, spill }: ModelDraft): string {
  const head = JSON.stringify([modelFormat, metric, dim, centroids.length / dim, spill?.ratio ?? null]);
  return createHash("sha256")
    .update(head)
    .update(littleEndian(centroids))
    .update(JSON.stringify(offsets ? [...offsets] : null))
    .digest("hex");
}

/** The text of a model file. The same model gives the same text, byte for byte. */
export function modelText(model: SemanticModel): string {
  const { metric, dim, centroids, offsets, spill, training, shards, modelId, fingerprint } = model;
  const file: ModelFile = {
    format: modelFormat,
    schemaVersion: 1,
    modelId,
    fingerprint,
    metric,
    dim,
    training,
    spill,
    shards,
    offsets: offsets ? [...offsets] : null,
    centroids: littleEndian(centroids).toString("base64"),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/**
 * Reads the text of a model file.
 * @param file for messages
 * @throws RagctlError (exit 2) with every problem: not JSON, not a model, of another version, or changed since it was written
 */
export function parseModel(text: string, file: string): SemanticModel {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw broken(file, [{ message: `is not JSON: ${(error as Error).message}` }]);
  }
  const parsed = modelSchema.safeParse(value);
  if (!parsed.success)
    throw broken(
      file,
      parsed.error.issues.map(({ path, message }) => ({ path: path.join("."), message })),
    );
  const { metric, dim, spill, training, shards, modelId, fingerprint } = parsed.data;
  const bytes = Buffer.from(parsed.data.centroids, "base64");
  if (bytes.length !== shards.length * dim * 4)
    throw broken(file, [
      {
        path: "centroids",
        message: `${bytes.length} bytes, and ${shards.length} of ${dim} dimensions take ${shards.length * dim * 4}`,
      },
    ]);
  if (parsed.data.offsets && parsed.data.offsets.length !== shards.length)
    throw broken(file, [{ path: "offsets", message: `${parsed.data.offsets.length} of them, for ${shards.length} shards` }]);
  const centroids = Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));
  const offsets = parsed.data.offsets ? Float64Array.from(parsed.data.offsets) : undefined;
  const model = nameModel({ metric, dim, spill, training, shards, centroids, ...(offsets && { offsets }) });
  if (model.fingerprint !== fingerprint || model.modelId !== modelId)
    throw broken(file, [
      { path: "fingerprint", message: "does not fit the centroids: the file was changed after it was written" },
    ]);
  return model;
}

function broken(file: string, problems: { path?: string; message: string }[]) {
  return usageError(
    problems.map((problem) => ({ file, ...problem })),
    { code: "model-invalid", hint: "Fit it again with ragctl rebalance fit." },
  );
}

function littleEndian(values: Float32Array): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) bytes.writeFloatLE(value, i * 4);
  return bytes;
}

/** A model as the semantic partitioner of a routing table wants it: but for its kind, hash and probes. */
export function partitionerCells({ modelId, centroids, dim, offsets }: SemanticModel): {
  modelId: string;
  centroids: number[][];
  offsets?: number[];
} {
  const rows = Array.from({ length: centroids.length / dim }, (_, c) => [...centroids.subarray(c * dim, (c + 1) * dim)]);
  return { modelId, centroids: rows, ...(offsets && { offsets: [...offsets] }) };
}

/** How stores call a metric, and `nearestCells` of the sharding room. */
export const storeDistance = { l2: "Euclid", cosine: "Cosine", dot: "Dot" } as const satisfies Record<Metric, string>;
