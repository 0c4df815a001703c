import type { Distance } from "../stores/contract.ts";
import { badFormat, notImplemented, outOfRange } from "./fault.ts";
import type { IndexType } from "./payload-index.ts";
import { asObject, checkFields, wholeNumber, type Body } from "./requests.ts";
import type { SpaceConfig } from "./vector-space.ts";

/** What a collection is, as stored: enough to make it again, and to answer with what was asked for. */
export interface CollectionConfig {
  /** As the client gave them, for the collection's info. */
  vectors: unknown;
  hnsw: { m: number; ef_construct: number };
  /** As the client gave it: smaller vectors would change no answer here, so it is only remembered. */
  quantization?: unknown;
  /** By vector name in order of creation; the unnamed vector is "". */
  spaces: [name: string, config: SpaceConfig][];
  /** Payload indexes: type, and the schema as the client gave it. */
  indexes: Record<string, { type: IndexType; schema: unknown }>;
}

/** Tuning that Qdrant needs and this node does not: it changes no answer. */
const tuning = ["optimizers_config", "wal_config", "on_disk_payload", "payload", "write_consistency_factor"];
const createFields = new Set([
  "vectors",
  "hnsw_config",
  "quantization_config",
  "shard_number",
  "replication_factor",
  "sparse_vectors",
  ...tuning,
]);
const vectorFields = new Set(["size", "distance", "hnsw_config", "on_disk", "memory", "datatype"]);
const distances: readonly string[] = ["Cosine", "Dot", "Euclid"] satisfies Distance[];

/** The body of `PUT /collections/{c}` → configuration. */
export function parseCollectionConfig(body: Body): CollectionConfig {
  checkFields(body, createFields, "a new collection");
  for (const name of ["shard_number", "replication_factor"])
    if (wholeNumber(body, name, 1, 1) !== 1) throw notImplemented(`a ${name} other than 1: it is one node with one shard`);
  if (body["sparse_vectors"] && Object.keys(asObject(body["sparse_vectors"], "sparse_vectors")).length > 0)
    throw notImplemented("sparse vectors");
  const hnsw = parseHnsw(body["hnsw_config"], { m: 16, ef_construct: 128 });
  const vectors = asObject(body["vectors"] ?? {}, "vectors");
  const isUnnamed = typeof vectors["size"] === "number" || typeof vectors["distance"] === "string";
  const named: [string, unknown][] = isUnnamed ? [["", vectors]] : Object.entries(vectors);
  if (named.length > 16) throw notImplemented("more than 16 named vectors");
  return {
    vectors,
    hnsw,
    ...(body["quantization_config"] ? { quantization: asObject(body["quantization_config"], "quantization_config") } : {}),
    spaces: named.map(([name, params]) => [name, parseVectorParams(asObject(params, `vectors.${name}`), hnsw)]),
    indexes: {},
  };
}

function parseVectorParams(params: Body, hnsw: CollectionConfig["hnsw"]): SpaceConfig {
  checkFields(params, vectorFields, "a vector's parameters");
  const { distance, datatype } = params;
  if (typeof params["size"] !== "number") throw badFormat("missing field `size`");
  const size = wholeNumber(params, "size", 0, 1);
  if (size > 65_536) throw outOfRange("vectors.size", `value ${size} invalid, must be from 1 to 65536`);
  if (typeof distance !== "string" || !distances.includes(distance))
    throw distance === "Manhattan"
      ? notImplemented("the distance Manhattan (it knows Cosine, Dot and Euclid)")
      : badFormat(`unknown variant \`${String(distance)}\` of distance, expected one of ${distances.join(", ")}`);
  if (datatype !== undefined && datatype !== null && datatype !== "float32") throw notImplemented("vector datatypes but float32");
  const own = parseHnsw(params["hnsw_config"], hnsw);
  return { size, distance: distance as Distance, m: own.m, efConstruct: own.ef_construct };
}

function parseHnsw(value: unknown, fallback: CollectionConfig["hnsw"]): CollectionConfig["hnsw"] {
  const given = asObject(value ?? {}, "hnsw_config");
  // m = 0 turns Qdrant's graph off; here a graph is always there, and finds the same points.
  const m = wholeNumber(given, "m", fallback.m, 0);
  return { m: m === 0 ? fallback.m : Math.max(2, m), ef_construct: wholeNumber(given, "ef_construct", fallback.ef_construct, 4) };
}

/** Qdrant's rule for names of collections and aliases. */
export function checkName(name: string): void {
  // oxlint-disable-next-line no-control-regex -- the two control characters are what Qdrant forbids
  if (name.length === 0 || name.length > 255 || /[<>:"/\\|?*\u0000\u001f]/.test(name))
    throw outOfRange("name", `collection name \`${name}\` must have 1 to 255 characters and none of < > : " / \\ | ? *`);
}
