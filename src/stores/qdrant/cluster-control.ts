import type { Schemas } from "@qdrant/js-client-rest";
import type { ClusterControl, CollectionView, NodeEndpoint, PeerView, ShardChange } from "../contract.ts";
import type { ControlClient } from "./client.ts";
import { collectionViewOf, peerViewOf, replicaSizesOf } from "./cluster-views.ts";
import { isStatus, notQdrant, resultIn } from "./control-error.ts";

/** Beyond the time that the server itself waits, for its answer to arrive. */
const answerMarginMs = 5_000;
/** Sizes come from every peer; one that hangs must not hold up the report for the server's own 60 s. */
const telemetryTimeoutSec = 5;
/** All of it: replicas with their sizes. */
const telemetryDetails = 4;

/** Qdrant's cluster API, through one peer. */
export function qdrantClusterControl(node: NodeEndpoint, call: ControlClient["call"]): ClusterControl {
  return {
    async peer(options): Promise<PeerView | undefined> {
      return peerViewOf(node, resultIn(node, await call((api, init) => api.clusterStatus({}, init), options)));
    },

    async collection(name, options): Promise<CollectionView | undefined> {
      try {
        const answer = await call((api, init) => api.collectionClusterInfo({ collection_name: name }, init), options);
        return collectionViewOf(node, resultIn(node, answer));
      } catch (error) {
        if (isStatus(error, 404)) return undefined;
        throw error;
      }
    },

    async sizes(name, options) {
      try {
        const query = { details_level: telemetryDetails, timeout: telemetryTimeoutSec };
        const timeoutMs = telemetryTimeoutSec * 1000 + answerMarginMs;
        const answer = await call((api, init) => api.clusterTelemetry(query, init), { timeoutMs, ...options });
        return replicaSizesOf(resultIn(node, answer), name);
      } catch (error) {
        // Before 1.17 there is no such path, and a key that may only read is not let in.
        if ([400, 403, 404, 405].some((status) => isStatus(error, status))) return undefined;
        throw error;
      }
    },

    async replicationFactor(name, options) {
      const info = resultIn(node, await call((api, init) => api.getCollection({ collection_name: name }, init), options));
      const factor: unknown = info.config?.params?.replication_factor ?? 1;
      if (typeof factor !== "number" || !Number.isInteger(factor) || factor < 1)
        throw notQdrant(node, `its replication factor of collection "${name}" is no count`);
      return factor;
    },

    async sharding(name, options) {
      const info = resultIn(node, await call((api, init) => api.getCollection({ collection_name: name }, init), options));
      const { sharding_method: method, shard_number: shards = 1, replication_factor: replicas = 1 } = info.config?.params ?? {};
      return { byKey: method === "custom", shards, replicas };
    },

    async createShardKey(
      name,
      { key, replicas, placement },
      { waitSec, timeoutMs = waitSec * 1000 + answerMarginMs, ...options },
    ) {
      const body = { shard_key: key, shards_number: 1, replication_factor: replicas, placement: [...placement] };
      const request = { collection_name: name, timeout: waitSec, ...body };
      try {
        resultIn(node, await call((api, init) => api.createShardKey(request, init), { timeoutMs, ...options }));
      } catch (error) {
        if (!(isStatus(error, 400) || isStatus(error, 409)) || !/already exists/.test(error.message)) throw error;
      }
    },

    async change(name, change, { waitSec, timeoutMs = waitSec * 1000 + answerMarginMs, ...options }) {
      const body = { collection_name: name, timeout: waitSec, ...operationOf(change) };
      resultIn(node, await call((api, init) => api.updateCollectionCluster(body, init), { timeoutMs, ...options }));
    },

    async removePeer(peerId, { waitSec, timeoutMs = waitSec * 1000 + answerMarginMs, ...options }) {
      const query = { peer_id: peerId, timeout: waitSec };
      resultIn(node, await call((api, init) => api.removePeer(query, init), { timeoutMs, ...options }));
    },
  };
}

function operationOf(change: ShardChange): Schemas["ClusterOperations"] {
  if (change.kind === "drop") return { drop_replica: { shard_id: change.shardId, peer_id: change.peerId } };
  const between = { shard_id: change.shardId, from_peer_id: change.from, to_peer_id: change.to };
  if (change.kind === "abort") return { abort_transfer: between };
  const transfer = { ...between, ...(change.method && { method: change.method }) };
  return change.kind === "move" ? { move_shard: transfer } : { replicate_shard: transfer };
}
