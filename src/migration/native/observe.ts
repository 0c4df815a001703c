import type { NativeReplica, NativeShard, NativeTransfer, ObservedNative } from "../../sharding/native/index.ts";
import type { ReplicaSizes } from "../../stores/contract.ts";
import type { NativeAccess, NativeLook } from "./contract.ts";
import { consensusOf, mapPeers } from "./peers.ts";
import { askNodes, latest, type NodeAnswer } from "./views.ts";

export interface LookOptions {
  signal?: AbortSignal;
  /** Peer ids by node that an earlier look, or a plan, knows: for nodes that do not answer. */
  known?: Readonly<Record<string, number>>;
}

/**
 * One look at the cluster and its collection through every configured node.
 *
 * Views of different peers may differ for a moment. Which replicas there are is what the most advanced says; a replica is
 * Active only where no peer says otherwise; a transfer runs while any peer says so.
 * @throws RagctlError exit 3 where no node answers, exit 2 where the cluster mode is off or there is no such collection
 */
export async function lookAround(access: NativeAccess, { signal, known }: LookOptions = {}): Promise<NativeLook> {
  const answers = await askNodes(access, signal);
  const view = latest(answers);
  const map = mapPeers(answers, view.peer, known);
  const alive = new Set(map.nodes.filter((node) => node.alive).map(({ id }) => id));
  const good = answers.filter(({ id, collection }) => collection && alive.has(id));
  return {
    cluster: access.cluster,
    collection: access.collection,
    nodes: map.nodes,
    shards: shardsOf(good, view, map.nodeOf),
    transfers: transfersOf(good, map.nodeOf),
    consensus: consensusOf(answers, map, view.peer),
    resharding: good.some(({ collection }) => collection!.resharding),
    notes: map.notes,
  };
}

/**
 * All that a plan is made from: a look, with sizes and the replication factor.
 * @throws RagctlError as `lookAround`, and exit 3 where a node that answered does not any more
 */
export async function observeNative(access: NativeAccess, options: LookOptions = {}): Promise<ObservedNative> {
  const look = await lookAround(access, options);
  const asked = look.nodes.find(({ alive }) => alive)!;
  const { control } = access.nodes.find(({ id }) => id === asked.id)!;
  const signal = options.signal ? { signal: options.signal } : {};
  const [sizes, replicationFactor] = await Promise.all([
    control.cluster.sizes(access.collection, signal),
    control.cluster.replicationFactor(access.collection, signal),
  ]);
  const bytesEach = await estimatedBytes(access, control);
  const shards = look.shards.map((shard) => sized(shard, look, sizes, bytesEach));
  const told = sizes !== undefined && look.shards.every(({ id }) => sizes.replicas.some(({ shardId }) => shardId === id));
  return { ...look, shards, replicationFactor, sizes: told ? "telemetry" : "estimate" };
}

/** Payload and overhead of a point, where nothing is known of it. */
const payloadBytes = 1024;

/** Of a point: four bytes a component, and a kilobyte. */
async function estimatedBytes(
  { collection, vector }: NativeAccess,
  control: NativeAccess["nodes"][number]["control"],
): Promise<number> {
  try {
    return ((await control.collectionInfo(collection, vector))?.size ?? 0) * 4 + payloadBytes;
  } catch {
    // Vectors that ragctl cannot search (sparse ones, several names) can be moved all the same.
    return payloadBytes;
  }
}

/** The largest of the replicas' sizes: one that is being filled says less. */
function sized(shard: NativeShard, look: NativeLook, sizes: ReplicaSizes | undefined, bytesEach: number): NativeShard {
  const peers = new Map(look.nodes.map(({ id, peerId }) => [peerId, id]));
  const active = new Set(shard.replicas.filter(({ state }) => state === "Active").map(({ node }) => node));
  const told = (sizes?.replicas ?? []).filter(
    ({ shardId, peerId }) => shardId === shard.id && active.has(peers.get(peerId) ?? ""),
  );
  const points = Math.max(shard.points, ...told.map(({ points }) => points));
  const bytes = told.length > 0 ? Math.max(...told.map((each) => each.bytes)) : points * bytesEach;
  return { ...shard, points, bytes };
}

function shardsOf(
  answers: readonly NodeAnswer[],
  { collection: reference }: ReturnType<typeof latest>,
  nodeOf: ReadonlyMap<number, string>,
): NativeShard[] {
  const shards = new Map<number, NativeShard>();
  for (const { shardId, key, peerId } of reference.replicas) {
    const shard = shards.get(shardId) ?? { id: shardId, ...(key !== undefined && { key }), points: 0, bytes: 0, replicas: [] };
    shards.set(shardId, shard);
    const said = answers.flatMap(({ collection }) =>
      collection!.replicas.filter((replica) => replica.shardId === shardId && replica.peerId === peerId),
    );
    const replica: NativeReplica = {
      node: nodeOf.get(peerId) ?? `peer-${peerId}`,
      state: said.find(({ state }) => state !== "Active")?.state ?? "Active",
    };
    const points = said.find((each) => each.points !== undefined)?.points;
    if (points !== undefined) replica.points = points;
    shard.replicas.push(replica);
  }
  const order = [...nodeOf.values()].toSorted();
  for (const shard of shards.values()) {
    shard.replicas.sort((a, b) => order.indexOf(a.node) - order.indexOf(b.node));
    const active = shard.replicas.filter(({ state }) => state === "Active");
    shard.points = Math.max(0, ...(active.length > 0 ? active : shard.replicas).map(({ points }) => points ?? 0));
  }
  return [...shards.values()].toSorted((a, b) => a.id - b.id);
}

function transfersOf(answers: readonly NodeAnswer[], nodeOf: ReadonlyMap<number, string>): NativeTransfer[] {
  const transfers = new Map<string, NativeTransfer>();
  for (const { collection } of answers)
    for (const { shardId, from, to, ...rest } of collection!.transfers) {
      const key = `${shardId} ${from} ${to}`;
      const name = (peerId: number) => nodeOf.get(peerId) ?? `peer-${peerId}`;
      // Only the sender says how far it is.
      transfers.set(key, { ...transfers.get(key), ...rest, shardId, from: name(from), to: name(to) });
    }
  return [...transfers.values()].toSorted((a, b) => a.shardId - b.shardId || (a.to < b.to ? -1 : 1));
}
