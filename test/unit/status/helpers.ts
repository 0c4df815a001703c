import type { NodeStatus, StatusResult } from "../../../src/status/result.ts";

function nodeOf(id: string, more: Partial<NodeStatus> = {}): NodeStatus {
  return {
    id,
    url: `http://127.0.0.1:700${id.slice(1)}`,
    health: "healthy",
    zone: null,
    version: "1.18.0",
    points: 933,
    latencyMs: 0.42,
    problem: null,
    collections: { docs: { points: 933, state: "serving" } },
    ...more,
  };
}

/** Three nodes, the second dead, the third stale and slow. */
export const troubled: StatusResult = {
  cluster: "local",
  topology: "routed",
  nodes: [
    nodeOf("n1", { zone: "a" }),
    nodeOf("n2", {
      zone: "b",
      health: "dead",
      version: null,
      points: null,
      latencyMs: null,
      problem: "connection refused",
      collections: { docs: { points: null, state: "serving" } },
    }),
    nodeOf("n3", { zone: "a", health: "degraded", latencyMs: 312, collections: { docs: { points: 931, state: "stale" } } }),
  ],
  collections: [{ name: "docs", copies: 1864, replicas: 2, epoch: 3, routed: true }],
  faults: [],
  cache: {
    driver: "redis",
    ok: true,
    endpoints: ["redis://127.0.0.1:7100"],
    latencyMs: 0.2,
    usedBytes: 1_048_576,
    maxBytes: 67_108_864,
    entries: 12,
    problem: null,
    meanwhile: null,
  },
  objectives: { p99: 100, errorRate: 0.001, availability: 0.9999 },
  at: 1_700_000_000_000,
};
