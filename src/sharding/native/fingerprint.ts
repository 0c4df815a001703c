import { createHash } from "node:crypto";
import type { Fingerprint } from "../plan/contract.ts";
import type { NativeNode, ObservedNative } from "./contract.ts";
import { holdersOf } from "./steps.ts";

/**
 * What a native plan was made for: the members with weight and zone, which peer each is, the number of shards and their keys, and
 * the copies wanted. Neither counts of points nor who holds which shard is in the digest (see `NativeShards.shards`).
 * @param replicas copies wanted of each shard
 */
export function nativeFingerprint(observed: Pick<ObservedNative, "nodes" | "shards" | "transfers">, replicas: number): Fingerprint {
  const members = observed.nodes.map(memberOf).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const peers = Object.fromEntries(
    observed.nodes.flatMap(({ id, peerId }) => (peerId === undefined ? [] : [[id, peerId] as const])).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );
  const shards = observed.shards.map((shard) => ({
    id: shard.id,
    ...(shard.key !== undefined && { key: shard.key }),
    on: holdersOf(shard, observed.transfers),
  }));
  const identity = { members, peers, shards: shards.map(({ id, key }) => [id, key ?? null]), replicas };
  return {
    members,
    partitioner: { kind: "native", peers, shards },
    replicas,
    digest: createHash("sha256").update(JSON.stringify(identity)).digest("hex"),
  };
}

function memberOf({ id, weight, zone }: NativeNode): Fingerprint["members"][number] {
  return { id, weight, ...(zone !== undefined && { zone }) };
}
