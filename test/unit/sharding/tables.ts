import type { Move, NodeState, RoutingTable } from "../../../src/sharding/index.ts";

/** A small ring table: `states` gives the nodes in order. */
export function tableOf(states: Record<string, NodeState>, options: Partial<RoutingTable> = {}): RoutingTable {
  return {
    schemaVersion: 1,
    collection: "docs",
    epoch: 1,
    partitioner: { kind: "ring", hash: "xxh32", virtualNodes: 20 },
    replicas: 2,
    members: Object.keys(states).filter((id) => states[id] !== "joining"),
    nodes: Object.fromEntries(Object.entries(states).map(([id, state]) => [id, { url: `http://${id}`, weight: 1, state }])),
    moves: [],
    vector: { size: 4, distance: "Cosine" },
    ...options,
  };
}

export function moveOf(id: string, from: string, to: string, ranges: [number, number][], options: Partial<Move> = {}): Move {
  return { id, from, to, selector: { kind: "ranges", ranges }, phase: "announced", pause: 0, ...options };
}
