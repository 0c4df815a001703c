import type { ClusterConfig } from "../../../src/config/schema.ts";
import { alwaysCalm, unlimited } from "../../../src/migration/contract.ts";

/** The config of a simulated native cluster of one address. */
export function nativeSimConfig(requestTimeoutMs: number, change: Partial<ClusterConfig["routing"]> = {}): ClusterConfig {
  return {
    name: "sim",
    source: { kind: "flags" },
    topology: "native",
    store: { driver: "qdrant", timeout: requestTimeoutMs },
    nodes: [{ id: "q1", url: "http://store", weight: 1 }],
    routing: {
      replicas: 1,
      minAcks: 1,
      consistency: "one",
      virtualNodes: 20,
      hash: "xxh32",
      breaker: "off",
      hedge: "off",
      maxInFlightPerNode: 128,
      ...change,
    },
    objectives: {},
    state: { driver: "sqlite" },
    protected: false,
    client: {},
  };
}

/** What a simulated mover does without: a lock, a throttle, a journal, and somebody who listens. */
export const quietMover = {
  fence: { ensure: () => {}, leaveUnclean: () => {} },
  throttle: unlimited,
  governor: alwaysCalm,
  journal: { record: () => {} },
  note: () => {},
  onCopied: () => {},
};
