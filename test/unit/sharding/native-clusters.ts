import type { NativeNode, NativeReplica, NativeShard, ObservedNative } from "../../../src/sharding/native/index.ts";

interface Spec {
  /** `q1`, `q2@a` (in zone a), `q3*2` (weight 2), `q4!` (does not answer); combined as `q5@b*2!`. */
  nodes: string[];
  /** By shard: who holds it, `q1` Active, `q1:Dead` in another state. */
  shards: string[][];
  replicationFactor?: number;
  /** Points of each shard, 100 unless given; a point is 10 bytes. */
  points?: number[];
  transfers?: ObservedNative["transfers"];
}

/** An observation, as tests write it down. */
export function clusterOf({ nodes, shards, replicationFactor = 1, points = [], transfers = [] }: Spec): ObservedNative {
  return {
    cluster: "test",
    collection: "docs",
    nodes: nodes.map(nodeOf),
    shards: shards.map((on, id): NativeShard => {
      const count = points[id] ?? 100;
      return { id, points: count, bytes: count * 10, replicas: on.map((text) => replicaOf(text, count)) };
    }),
    transfers,
    consensus: { leader: "q1", voters: nodes.length, answering: nodes.length, quorum: true, pendingOperations: 0 },
    replicationFactor,
    resharding: false,
    sizes: "telemetry",
    notes: [],
  };
}

function nodeOf(text: string, index: number): NativeNode {
  const [, id, zone, weight, silent] = /^(\w+)(?:@(\w+))?(?:\*([\d.]+))?(!)?$/.exec(text)!;
  return {
    id: id!,
    peerId: 1000 + index,
    ...(zone !== undefined && { zone }),
    weight: weight === undefined ? 1 : Number(weight),
    alive: silent === undefined,
    ...(silent !== undefined && { problem: "does not answer" }),
  };
}

function replicaOf(text: string, points: number): NativeReplica {
  const [node, state = "Active"] = text.split(":");
  return { node: node!, state: state as NativeReplica["state"], points };
}
