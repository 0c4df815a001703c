import type { Schemas } from "@qdrant/js-client-rest";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { AliasAction, CollectionSpec, NodeEndpoint, Quantization, ShardingSpec, StoreControl } from "../contract.ts";
import { collectionInfoOf } from "./collection-info.ts";
import type { ControlClient } from "./client.ts";
import { qdrantClusterControl } from "./cluster-control.ts";
import { isStatus, resultIn, type Answer } from "./control-error.ts";
import { qdrantHealth } from "./health.ts";

/** Qdrant's control face: typed methods through the official client, which is loaded on the first call. */
export function qdrantControl(node: NodeEndpoint, headers: Record<string, string>): StoreControl {
  let client: Promise<ControlClient> | undefined;
  const call: ControlClient["call"] = async (use, options) => {
    client ??= import("./client.ts").then(({ controlClient }) => controlClient(node, headers));
    return (await client).call(use, options);
  };
  const resultOf = <T>(answer: Answer<T>): T => resultIn(node, answer);

  return {
    health: qdrantHealth(node, headers),
    cluster: qdrantClusterControl(node, call),

    async listCollections() {
      const { collections } = resultOf(await call((api, init) => api.getCollections({}, init)));
      return collections.map(({ name }) => name).toSorted();
    },

    async collectionInfo(name, vector) {
      try {
        const info = resultOf(await call((api, init) => api.getCollection({ collection_name: name }, init)));
        return collectionInfoOf(node, name, info, vector);
      } catch (error) {
        if (isStatus(error, 404)) return undefined;
        throw error;
      }
    },

    async createCollection(name, spec, sharding) {
      try {
        await call((api, init) =>
          api.createCollection({ collection_name: name, ...createBody(spec), ...shardingBody(sharding) }, init),
        );
      } catch (error) {
        // 409 since 1.10 or so, 400 before, with the same words.
        if (isStatus(error, 409) || (isStatus(error, 400) && /already exists/.test(error.message)))
          throw new RagctlError(`node ${node.id} (${node.url}) has a collection "${name}" already`, {
            code: "collection-exists",
            exitCode: ExitCode.unreachable,
            hint: "Use it as it is, delete it first, or choose another name.",
            cause: error,
          });
        throw error;
      }
    },

    async deleteCollection(name) {
      try {
        return resultOf(await call((api, init) => api.deleteCollection({ collection_name: name }, init)));
      } catch (error) {
        if (isStatus(error, 404)) return false;
        throw error;
      }
    },

    async createPayloadIndex(collection, field, type) {
      const body: Schemas["CreateFieldIndex"] = { field_name: field, field_schema: type };
      await call((api, init) => api.createFieldIndex({ collection_name: collection, wait: true, ...body }, init));
    },

    async updateAliases(actions) {
      const body: Schemas["ChangeAliasesOperation"] = { actions: actions.map(aliasOperation) };
      await call((api, init) => api.updateAliases(body, init));
    },

    async listAliases() {
      const { aliases } = resultOf(await call((api, init) => api.getCollectionsAliases({}, init)));
      return aliases.map(({ alias_name, collection_name }) => ({ alias: alias_name, collection: collection_name }));
    },

    async clusterEnabled() {
      const { status } = resultOf(await call((api, init) => api.clusterStatus({}, init)));
      return status === "enabled";
    },
  };
}

function createBody({ size, distance, vector, hnsw, quantization }: CollectionSpec): Schemas["CreateCollection"] {
  const params: Schemas["VectorParams"] = { size, distance };
  return {
    vectors: vector === undefined ? params : { [vector]: params },
    ...(hnsw && {
      hnsw_config: {
        ...(hnsw.m !== undefined && { m: hnsw.m }),
        ...(hnsw.efConstruct !== undefined && { ef_construct: hnsw.efConstruct }),
      },
    }),
    ...(quantization && { quantization_config: quantizationConfigs[quantization] }),
  };
}

function shardingBody(sharding: ShardingSpec | undefined): Schemas["CreateCollection"] {
  if (!sharding) return {};
  const { byKey, shards, replicas } = sharding;
  return {
    sharding_method: byKey ? "custom" : "auto",
    ...(shards !== undefined && { shard_number: shards }),
    ...(replicas !== undefined && { replication_factor: replicas }),
  };
}

/** Smaller copies in memory, beside the whole vectors: Qdrant's own advice, and a sixteenth of the size by product codes. */
const quantizationConfigs = {
  scalar: { scalar: { type: "int8", quantile: 0.99, always_ram: true } },
  product: { product: { compression: "x16", always_ram: true } },
  binary: { binary: { always_ram: true } },
} as const satisfies Record<Quantization, Schemas["QuantizationConfig"]>;

function aliasOperation(action: AliasAction): Schemas["AliasOperations"] {
  return "create" in action
    ? { create_alias: { alias_name: action.create.alias, collection_name: action.create.collection } }
    : { delete_alias: { alias_name: action.delete.alias } };
}
