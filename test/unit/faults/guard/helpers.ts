import type { ClusterConfig } from "../../../../src/config/schema.ts";
import type { GuardInput, Observation } from "../../../../src/faults/guard/contract.ts";
import type { NativeView } from "../../../../src/faults/guard/native.ts";
import type { NodeState, RoutingTable } from "../../../../src/sharding/index.ts";
import type { ReplicaState } from "../../../../src/stores/contract.ts";

export function tableOf(nodes: number, replicas: number, states: Record<string, NodeState> = {}): RoutingTable {
  const ids = Array.from({ length: nodes }, (_, index) => `n${index + 1}`);
  return {
    schemaVersion: 1,
    collection: "docs",
    epoch: 1,
    partitioner: { kind: "ring", virtualNodes: 150, hash: "xxh32" },
    replicas,
    members: ids,
    nodes: Object.fromEntries(ids.map((id) => [id, { url: `http://${id}`, weight: 1, state: states[id] ?? "serving" }])),
    moves: [],
    vector: { size: 8, distance: "Cosine" },
  };
}

export function clusterOf(nodes: number, more: Partial<ClusterConfig> = {}): ClusterConfig {
  return {
    name: "test",
    source: { kind: "config", file: "/somewhere/ragctl.config.yaml" },
    topology: "routed",
    nodes: Array.from({ length: nodes }, (_, index) => ({ id: `n${index + 1}`, url: `http://n${index + 1}:6333`, weight: 1 })),
    routing: { consistency: "one", replicas: 2 },
    objectives: {},
    ...more,
  } as ClusterConfig;
}

export function observed(more: Partial<Observation> = {}): Observation {
  return { silent: [], own: [], others: [], tables: [], ...more };
}

export function inputOf(nodes: readonly string[], more: Partial<GuardInput> = {}): GuardInput {
  return { cluster: clusterOf(3), fault: "kill-node", impact: "silences", nodes, ...more };
}

/** Peers 101, 102, … of nodes n1, n2, …; shards as lists of the nodes' numbers that hold a replica. */
export function nativeOf(nodes: number, shards: number[][], states: Record<string, ReplicaState> = {}): NativeView {
  const peers = Array.from({ length: nodes }, (_, index) => 101 + index);
  return {
    voters: peers,
    peerOf: new Map(peers.map((peer, index) => [`n${index + 1}`, peer])),
    collections: [
      {
        name: "docs",
        view: {
          shardCount: shards.length,
          transfers: [],
          replicas: shards.flatMap((holders, shardId) =>
            holders.map((node) => ({ shardId, peerId: 100 + node, state: states[`${shardId}@n${node}`] ?? ("Active" as const) })),
          ),
        },
      },
    ],
  };
}
