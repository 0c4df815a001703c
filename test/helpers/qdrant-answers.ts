import type { ReplicaState, ShardTransfer } from "../../src/stores/contract.ts";
import type { PointShard, PointSpace } from "./qdrant-points.ts";

/** What a stand-in for Qdrant's cluster holds, and how its API describes it. */
export interface Replica {
  state: ReplicaState;
  points: number;
}
export interface Shard extends PointShard {
  points: number;
  replicas: Map<number, Replica>;
}
export interface Collection extends PointSpace {
  shards: Map<number, Shard>;
  /** Of each key, or of the whole. */
  shardNumber: number;
  replicationFactor: number;
  indexes: Record<string, string>;
  /** Of sparse vectors, which points have beside the dense one. */
  sparse?: Record<string, object>;
}
export interface Running extends ShardTransfer {
  collection: Collection;
  fate: "good" | "stuck" | "fails" | "slow";
  copied: number;
  beganMs: number;
}

export interface Answer {
  status: number;
  body: unknown;
}

/** `GET /collections/{c}/cluster`, as the peer `id` has it. */
export function collectionCluster(
  id: number,
  collection: Collection,
  { transfers, nowMs, resharding }: { transfers: readonly Running[]; nowMs: number; resharding: boolean },
) {
  const all = [...collection.shards].flatMap(([shard, { replicas, key }]) => {
    const keyed = key === undefined ? {} : { shard_key: key };
    return [...replicas].map(([peer, { state, points }]) => ({ shard, peer, state, points, keyed }));
  });
  return {
    peer_id: id,
    shard_count: collection.shards.size,
    local_shards: all
      .filter(({ peer }) => peer === id)
      .map(({ shard, state, points, keyed }) => Object.assign({ shard_id: shard, points_count: points, state }, keyed)),
    remote_shards: all
      .filter(({ peer }) => peer !== id)
      .map(({ shard, peer, state, keyed }) => Object.assign({ shard_id: shard, peer_id: peer, state }, keyed)),
    shard_transfers: transfers
      .filter((each) => each.collection === collection)
      .map(({ shardId, from, to, sync, method, copied, beganMs }) =>
        Object.assign(
          { shard_id: shardId, from, to, sync, method },
          from === id ? { comment: commentOf(collection, shardId, copied, nowMs - beganMs) } : {},
        ),
      ),
    ...(resharding && { resharding_operations: [{ direction: "up", shard_id: 9, peer_id: id }] }),
  };
}

function commentOf({ shards }: Collection, shardId: number, copied: number, forMs: number): string {
  return `Transferring records (${Math.floor(copied)}/${shards.get(shardId)!.points}), started ${Math.floor(forMs / 1000)}s ago, ETA: -`;
}

/** `GET /cluster/telemetry`. */
export function telemetry(collections: Iterable<Collection>, peers: readonly { id: number; up: boolean }[]) {
  const isUp = (peer: number) => peers.some(({ id, up }) => id === peer && up);
  return {
    collections: Object.fromEntries(
      [...collections].map(({ name, shards }) => [
        name,
        {
          id: name,
          shards: [...shards].map(([id, { replicas, key }]) => {
            const keyed = key === undefined ? {} : { key };
            const held = [...replicas].map(([peer, { state, points }]) => {
              const sizes = { num_points: points, vectors_size_bytes: points * 16, payloads_size_bytes: points * 4 };
              return Object.assign({ peer_id: peer, state }, isUp(peer) ? sizes : {});
            });
            return Object.assign({ id, replicas: held }, keyed);
          }),
        },
      ]),
    ),
    cluster: {
      enabled: true,
      number_of_peers: peers.length,
      peers: Object.fromEntries(peers.map(({ id, up }) => [id, { uri: "http://10.0.0.1:6335/", responsive: up }])),
    },
  };
}

/** `GET /collections/{c}`. */
export function collectionInfo({ shards, size, distance, sparse, custom, shardNumber, replicationFactor, indexes }: Collection) {
  return {
    status: "green",
    optimizer_status: "ok",
    segments_count: 1,
    points_count: [...shards.values()].reduce((sum, { points }) => sum + points, 0),
    config: {
      params: {
        vectors: { size, distance },
        ...(sparse && { sparse_vectors: sparse }),
        shard_number: custom ? shardNumber : shards.size,
        ...(custom && { sharding_method: "custom" }),
        replication_factor: replicationFactor,
      },
      hnsw_config: { m: 16, ef_construct: 100, full_scan_threshold: 10_000 },
      optimizer_config: {
        deleted_threshold: 0.2,
        vacuum_min_vector_number: 1000,
        default_segment_number: 0,
        flush_interval_sec: 5,
      },
    },
    payload_schema: Object.fromEntries(Object.entries(indexes).map(([name, data_type]) => [name, { data_type, points: 0 }])),
  };
}

export function ok(result: unknown): Answer {
  return { status: 200, body: { result, status: "ok", time: 0.001 } };
}
export function failed(status: number, error: string): Answer {
  return { status, body: { status: { error }, time: 0.001 } };
}
