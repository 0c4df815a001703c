import type { Schemas } from "@qdrant/js-client-rest";
import {
  replicaStates,
  type CollectionView,
  type NodeEndpoint,
  type PeerView,
  type ReplicaSizes,
  type ReplicaState,
} from "../contract.ts";
import { notQdrant } from "./control-error.ts";

/** `GET /cluster`; undefined where the cluster mode is off. */
export function peerViewOf(node: NodeEndpoint, status: Schemas["ClusterStatus"]): PeerView | undefined {
  if (status.status === "disabled") return undefined;
  if (!("peer_id" in status) || typeof status.raft_info !== "object")
    throw notQdrant(node, "its cluster status has no peer_id or raft_info");
  const { raft_info: raft } = status;
  const peers = Object.entries(status.peers ?? {}).flatMap(([id, peer]) =>
    peer ? [{ peerId: peerIdOf(node, Number(id)), uri: peer.uri }] : [],
  );
  return {
    peerId: peerIdOf(node, status.peer_id),
    peers: peers.toSorted((a, b) => a.peerId - b.peerId),
    leader: typeof raft.leader === "number" ? peerIdOf(node, raft.leader) : null,
    term: raft.term,
    commit: raft.commit,
    pendingOperations: raft.pending_operations,
    voter: raft.is_voter,
    working: status.consensus_thread_status?.consensus_thread_status === "working",
  };
}

/** `GET /collections/{c}/cluster`. */
export function collectionViewOf(node: NodeEndpoint, info: Schemas["CollectionClusterInfo"]): CollectionView {
  if (!Array.isArray(info.local_shards) || !Array.isArray(info.remote_shards) || !Array.isArray(info.shard_transfers))
    throw notQdrant(node, "its description of the collection's shards has no local_shards, remote_shards or shard_transfers");
  const peerId = peerIdOf(node, info.peer_id);
  return {
    peerId,
    shardCount: info.shard_count,
    replicas: [
      ...info.local_shards.map((shard) => ({ ...replicaOf(node, shard), peerId, points: shard.points_count })),
      ...info.remote_shards.map((shard) => ({ ...replicaOf(node, shard), peerId: peerIdOf(node, shard.peer_id) })),
    ],
    transfers: info.shard_transfers.map(({ shard_id: shardId, from, to, sync, method, comment }) => ({
      shardId,
      from: peerIdOf(node, from),
      to: peerIdOf(node, to),
      sync,
      ...(typeof method === "string" && { method }),
      ...(typeof comment === "string" && { comment }),
    })),
    resharding: (info.resharding_operations ?? []).length > 0,
  };
}

/** `GET /cluster/telemetry`, of one collection. Replicas of which no peer tells the size are left out. */
export function replicaSizesOf(data: Schemas["DistributedTelemetryData"], collection: string): ReplicaSizes {
  const cluster = data.cluster as Schemas["DistributedClusterTelemetry"] | null | undefined;
  const shards = data.collections?.[collection]?.shards ?? [];
  return {
    replicas: shards.flatMap(({ id, replicas }) =>
      replicas.flatMap(({ peer_id: peerId, num_points: points, vectors_size_bytes: vectors, payloads_size_bytes: payloads }) =>
        typeof points === "number" && typeof vectors === "number"
          ? [{ shardId: id, peerId, points, bytes: vectors + (payloads ?? 0) }]
          : [],
      ),
    ),
    peers: Object.entries(cluster?.peers ?? {}).flatMap(([id, peer]) => {
      const version = (peer?.details as Schemas["DistributedPeerDetails"] | null | undefined)?.version;
      return peer ? [{ peerId: Number(id), responsive: peer.responsive, ...(version !== undefined && { version }) }] : [];
    }),
  };
}

const known = new Set<string>(replicaStates);

function replicaOf(
  node: NodeEndpoint,
  { shard_id: shardId, shard_key: key, state }: { shard_id: number; shard_key?: unknown; state: string },
): { shardId: number; key?: string | number; state: ReplicaState } {
  // A state of a later Qdrant: what it allows is not known, so that nothing may be done to such a shard.
  if (!known.has(state)) throw notQdrant(node, `a replica of shard ${shardId} is in a state that ragctl does not know: ${state}`);
  return {
    shardId,
    ...((typeof key === "string" || typeof key === "number") && { key }),
    state: state as ReplicaState,
  };
}

/** Qdrant draws them below 2^53 for the sake of JSON; one that is configured beyond would be rounded to another peer's. */
function peerIdOf(node: NodeEndpoint, id: number): number {
  if (!Number.isSafeInteger(id)) throw notQdrant(node, `a peer's id is no integer below 2^53: ${id}`);
  return id;
}
