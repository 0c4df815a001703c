import { ExitCode, RagctlError } from "../errors.ts";
import { nameModel, storeDistance, type Metric, type SemanticModel } from "../kmeans/index.ts";
import type { RoutingTable, SemanticSpec } from "../sharding/table.ts";

/** The semantic partitioner of a table. @throws RagctlError exit 2 where it is placed by keys */
export function semanticOf({ partitioner, collection }: RoutingTable): SemanticSpec {
  if (partitioner.kind === "semantic") return partitioner;
  throw new RagctlError(`Collection ${collection} is not placed by meaning: it has no cells.`, {
    code: "not-semantic",
    exitCode: ExitCode.usage,
    hint: "ragctl rebalance plan --model model.json makes a plan to place it by a model's.",
  });
}

/** A table's cells as a model. What it was fitted to, the table does not know: sizes, inertia and radii are 0; copies near boundaries, any share. */
export function modelOfTable(table: RoutingTable): SemanticModel {
  const { modelId, centroids, offsets } = semanticOf(table);
  const { size, distance } = table.vector;
  const metric = (Object.keys(storeDistance) as Metric[]).find((each) => storeDistance[each] === distance)!;
  const model = nameModel({
    metric,
    dim: size,
    centroids: Float32Array.from(centroids.flat()),
    ...(offsets && { offsets: Float64Array.from(offsets) }),
    spill: table.spill?.phase === "on" ? { ratio: table.spill.ratio, share: 1 } : null,
    training: {
      algorithm: "lloyd",
      seed: 0,
      restarts: 1,
      epsilon: null,
      iterations: 0,
      rows: 1,
      sample: 1,
      inertia: 0,
      source: { kind: "collection", name: table.collection },
    },
    shards: centroids.map(() => ({ size: 0, inertia: 0, radius: 0 })),
  });
  return { ...model, modelId };
}
