import type { Fingerprint, NativeShards } from "../plan/contract.ts";
import { fingerprintOf } from "../plan/fingerprint.ts";
import type { NativeNode, ObservedNative } from "./contract.ts";
import { holdersOf } from "./steps.ts";

/**
 * What a native plan was made for: the members with weight and zone, which peer each is, the shards with their keys, and the
 * collection's replication factor. Neither counts of points nor who holds which shard is in the digest (see
 * `NativeShards.shards`).
 */
export function nativeFingerprint(
  observed: Pick<ObservedNative, "nodes" | "shards" | "transfers" | "replicationFactor">,
): Fingerprint {
  return fingerprintOf({
    members: observed.nodes.map(memberOf).toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    partitioner: {
      kind: "native",
      peers: Object.fromEntries(observed.nodes.flatMap(({ id, peerId }) => (peerId === undefined ? [] : [[id, peerId]]))),
      shards: observed.shards.map((shard) => shardOf(shard, observed.transfers)),
    },
    replicas: observed.replicationFactor,
  });
}

function memberOf({ id, weight, zone }: NativeNode): Fingerprint["members"][number] {
  return zone === undefined ? { id, weight } : { id, weight, zone };
}

function shardOf(
  shard: ObservedNative["shards"][number],
  transfers: ObservedNative["transfers"],
): NativeShards["shards"][number] {
  const { id, key } = shard;
  const on = holdersOf(shard, transfers);
  return key === undefined ? { id, on } : { id, key, on };
}
