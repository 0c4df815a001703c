import { parseCollectionConfig } from "../collection-config.ts";
import type { Collection } from "../collection.ts";
import { parseJsonPath } from "../json-path.ts";
import { parseIndexSchema } from "../payload-index.ts";
import { checkFields, text } from "../requests.ts";
import type { Call, Route } from "./context.ts";

const one = "/collections/:collection";

export const collectionRoutes: Route[] = [
  { method: "GET", path: "/collections", handler: list },
  { method: "GET", path: one, handler: (call) => JSON.stringify(info(call.collection())) },
  { method: "PUT", path: one, handler: create },
  { method: "DELETE", path: one, handler: (call) => String(call.catalog.delete(call.name)) },
  { method: "GET", path: `${one}/exists`, handler: (call) => JSON.stringify({ exists: call.catalog.has(call.name) }) },
  { method: "GET", path: `${one}/cluster`, handler: cluster },
  { method: "PUT", path: `${one}/index`, handler: createIndex },
  { method: "DELETE", path: `${one}/index/:field`, handler: dropIndex },
  { method: "POST", path: "/collections/aliases", handler: changeAliases },
  { method: "GET", path: "/aliases", handler: (call) => JSON.stringify({ aliases: call.catalog.aliases() }) },
  { method: "GET", path: `${one}/aliases`, handler: (call) => JSON.stringify({ aliases: call.catalog.aliases(call.name) }) },
];

function list({ catalog }: Call): string {
  return JSON.stringify({ collections: catalog.names().map((name) => ({ name })) });
}

function create(call: Call): string {
  call.catalog.create(call.name, parseCollectionConfig(call.body()));
  return "true";
}

function changeAliases(call: Call): string {
  call.catalog.changeAliases(call.body());
  return "true";
}

function cluster(call: Call): string {
  const shard = { shard_id: 0, points_count: call.collection().count, state: "Active" };
  return JSON.stringify({ peer_id: 0, shard_count: 1, local_shards: [shard], remote_shards: [], shard_transfers: [] });
}

function createIndex(call: Call): string {
  const body = call.body();
  checkFields(body, new Set(["field_name", "field_schema"]), "a payload index");
  const field = text(body, "field_name");
  parseJsonPath(field);
  const schema = body["field_schema"];
  const version = call.collection().createIndex(field, parseIndexSchema(schema), schema);
  return JSON.stringify({ operation_id: version, status: call.writeStatus });
}

function dropIndex(call: Call): string {
  const version = call.collection().dropIndex(call.param("field"));
  return JSON.stringify({ operation_id: version, status: call.writeStatus });
}

function info(collection: Collection) {
  const { config, indexes, spaces } = collection;
  const schema = [...indexes].map(([field, index]) => {
    const given = config.indexes[field]?.schema;
    const params = typeof given === "object" ? { params: given } : {};
    return [field, { data_type: index.type, ...params, points: index.count() }] as const;
  });
  return {
    status: "green",
    optimizer_status: "ok",
    points_count: collection.count,
    indexed_vectors_count: spaces.reduce((sum, space) => sum + space.indexedCount, 0),
    segments_count: 1,
    config: {
      params: {
        vectors: config.vectors,
        shard_number: 1,
        replication_factor: 1,
        write_consistency_factor: 1,
        on_disk_payload: true,
      },
      hnsw_config: { ...config.hnsw, full_scan_threshold: 10_000, max_indexing_threads: 1, on_disk: false },
      optimizer_config: {
        deleted_threshold: 0.2,
        vacuum_min_vector_number: 1000,
        default_segment_number: 1,
        indexing_threshold: 0,
        flush_interval_sec: 5,
      },
      wal_config: { wal_capacity_mb: 4, wal_segments_ahead: 0 },
      quantization_config: config.quantization ?? null,
    },
    payload_schema: Object.fromEntries(schema),
  };
}
