import type { Schemas } from "@qdrant/js-client-rest";
import { ExitCode, RagctlError } from "../../errors.ts";
import { quantizations, type CollectionInfo, type Distance, type NodeEndpoint, type Quantization } from "../contract.ts";
import { notQdrant } from "./control-error.ts";

const distances = new Set<string>(["Cosine", "Dot", "Euclid"] satisfies Distance[]);

/**
 * @param wanted name of the vector; absent: the unnamed one, else the only named one
 * @throws RagctlError `collection-unsupported`: several named vectors and none wanted, no such vector, or one that ragctl
 *   cannot search (sparse, Manhattan, multivector)
 */
export function collectionInfoOf(
  node: NodeEndpoint,
  collection: string,
  info: Schemas["CollectionInfo"],
  wanted: string | undefined,
): CollectionInfo {
  if (typeof info.config?.params !== "object" || typeof info.status !== "string")
    throw notQdrant(node, `its description of collection "${collection}" has no status or config`);
  const { name, params } = chooseVector(collection, info.config.params.vectors, wanted);
  if (!distances.has(params.distance))
    throw unsupported(collection, `it uses ${params.distance} distance, which ragctl does not know`);
  if (params.multivector_config) throw unsupported(collection, "its points have several vectors each (multivector)");
  const { m, ef_construct: efConstruct } = { ...definedOf(info.config.hnsw_config), ...definedOf(params.hnsw_config) };
  const others = otherVectors(info.config.params, name);
  return {
    size: params.size,
    distance: params.distance as Distance,
    ...(name !== undefined && { vector: name }),
    ...(m !== undefined && efConstruct !== undefined && { hnsw: { m, efConstruct } }),
    ...quantizationOf(params.quantization_config ?? info.config.quantization_config),
    status: info.status,
    pointsCount: info.points_count ?? 0,
    indexedPayloadFields: Object.keys(info.payload_schema ?? {}).toSorted(),
    payloadIndexTypes: Object.fromEntries(
      Object.entries(info.payload_schema ?? {}).flatMap(([field, schema]) => (schema ? [[field, schema.data_type]] : [])),
    ),
    ...(others.length > 0 && { otherVectors: others }),
  };
}

/** What a copy of one vector would leave behind. */
function otherVectors({ vectors, sparse_vectors: sparse }: Schemas["CollectionParams"], chosen: string | undefined): string[] {
  const dense = isUnnamed(vectors) ? [""] : Object.keys(vectors ?? {});
  return [...dense.filter((name) => name !== (chosen ?? "")), ...Object.keys(sparse ?? {})].toSorted();
}

/** Of a config that has the kind as its only field; one that ragctl does not know is left out. */
function quantizationOf(config: object | null | undefined): { quantization?: Quantization } {
  const quantization = quantizations.find((kind) => config && kind in config);
  return quantization ? { quantization } : {};
}

type VectorParams = Schemas["VectorParams"];

function chooseVector(
  collection: string,
  vectors: Schemas["VectorsConfig"] | undefined,
  wanted: string | undefined,
): { name?: string; params: VectorParams } {
  if (isUnnamed(vectors)) {
    if (wanted === undefined) return { params: vectors };
    throw unsupported(collection, `it has one unnamed vector, not one called "${wanted}"`);
  }
  const named = Object.entries(vectors ?? {}).filter((entry): entry is [string, VectorParams] => isUnnamed(entry[1]));
  const names = named.map(([name]) => name);
  const found = named.find(([name]) => name === wanted) ?? (wanted === undefined && named.length === 1 ? named[0] : undefined);
  if (found) return { name: found[0], params: found[1] };
  if (named.length === 0) throw unsupported(collection, "it has no dense vectors");
  throw unsupported(
    collection,
    wanted === undefined
      ? `it has several named vectors (${names.join(", ")})`
      : `it has no vector "${wanted}", but ${names.join(", ")}`,
  );
}

function isUnnamed(value: unknown): value is VectorParams {
  const params = value as Partial<VectorParams> | null | undefined;
  return typeof params?.size === "number" && typeof params.distance === "string";
}

/** Without the nulls, which mean "as above". */
function definedOf(diff: Schemas["HnswConfigDiff"] | null | undefined): { m?: number; ef_construct?: number } {
  return {
    ...(typeof diff?.m === "number" && { m: diff.m }),
    ...(typeof diff?.ef_construct === "number" && { ef_construct: diff.ef_construct }),
  };
}

function unsupported(collection: string, why: string): RagctlError {
  return new RagctlError(`collection "${collection}": ${why}`, {
    code: "collection-unsupported",
    exitCode: ExitCode.unreachable,
    hint: "Name the vector to use in store.vector.",
  });
}
