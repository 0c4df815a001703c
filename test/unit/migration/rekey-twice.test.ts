import { expect, test } from "vitest";
import { ClusterNodes } from "../../../src/cluster/nodes.ts";
import { nativeSend } from "../../../src/cluster/native/send.ts";
import { applyRekey } from "../../../src/migration/rekey/apply.ts";
import { seededRng } from "../../../src/runtime.ts";
import { loadHashes } from "../../../src/sharding/hash.ts";
import { cellKey, foundTable } from "../../../src/sharding/native-table.ts";
import type { RekeyStep } from "../../../src/sharding/plan/contract.ts";
import { pointIdOf } from "../../../src/sharding/point-id.ts";
import { EventClock } from "../../helpers/sim/event-clock.ts";
import { MemoryState, memoryState } from "../../helpers/sim/memory-state.ts";
import { nativeSimConfig, quietMover } from "../../helpers/sim/native-cluster.ts";
import { NativeSimStore } from "../../helpers/sim/native-store.ts";

const cells = (modelId: string, centroids: number[][]) =>
  ({ kind: "semantic", hash: "xxh32", modelId, centroids, field: `_ragctl_c_${modelId}` }) as const;

test.each([
  ["of what a writer that died has left under two keys, the newer is carried to other cells", 3],
  ["many cells ask for no more at once than a node takes", 60],
])("%s", async (_what, count) => {
  await loadHashes();
  const axes = Array.from({ length: count }, (_, at) => Array.from({ length: count }, (__, d) => (d === at ? 1 : 0)));
  const clock = new EventClock();
  const store = new NativeSimStore(clock, seededRng(1));
  const shared = new MemoryState();
  const state = memoryState(shared, clock);
  const before = store.create("docs@0", true, count);
  const put = (key: string, cell: number, version: number) =>
    void (before.shards.get(cell)!.data ??= new Map()).set(pointIdOf(key), {
      id: pointIdOf(key),
      vector: new Float32Array(axes[cell]!),
      payload: { _ragctl_key: key, _ragctl_v: version },
    });
  for (const cell of axes.keys()) before.shards.set(cell, { key: cellKey(cell) });
  put("one", 1, 5);
  // The store meets the older one first.
  put("two", 0, 7);
  put("two", 2, 8);
  const found = foundTable("docs", { size: count, distance: "Cosine" }, { hash: "xxh32" });
  await state.createTable({ ...found, physical: "docs@0", partitioner: cells("old", axes) });
  const step: RekeyStep = {
    id: "rekey",
    kind: "rekey",
    physical: "docs@1",
    partitioner: cells("new", axes.toReversed()),
    sharding: { byKey: true, shards: 1, replicas: 1 },
    keys: axes.map((_, cell) => ({ key: cellKey(cell), on: ["q1"], points: 0, bytes: 0 })),
    was: { sharding: { byKey: true, shards: 1, replicas: 1 }, keys: [] },
    copiesDuring: 1,
    points: 0,
    bytes: 0,
  };
  const requestTimeoutMs = 400;
  const cluster = nativeSimConfig(requestTimeoutMs, { maxInFlightPerNode: 16 });
  const driver = store.driver(() => false);
  const nodes = new ClusterNodes(cluster, {
    driver,
    createPool: () => store.pool(() => false),
    endpointOf: (_, { id, url }) => ({ id, url }),
    poolOptionsOf: () => ({ origin: "http://store", connections: 1, headers: {} }),
    clock,
  });
  const applied = applyRekey({
    collection: "docs",
    planId: "plan-1",
    step,
    state,
    sender: nativeSend({ cluster, nodes, clock, rng: seededRng(2), requestTimeoutMs }),
    face: (physical) => driver.data(physical),
    nodes: nodes.all,
    vectorName: undefined,
    capabilities: driver.capabilities,
    clock,
    requestTimeoutMs,
    patienceMs: 20_000,
    unclean: false,
    ...quietMover,
    signal: new AbortController().signal,
  }).then(
    () => "applied",
    (error: unknown) => error,
  );
  await clock.run(60_000);
  expect(await applied).toBe("applied");
  const held = [...store.collections.get("docs@1")!.shards.values()].flatMap(({ key, data }) =>
    [...(data?.values() ?? [])].map(({ payload }) => [key, payload["_ragctl_key"], payload["_ragctl_v"]].join(" ")),
  );
  expect(held.toSorted()).toEqual([`cell-${count - 3} two 8`, `cell-${count - 2} one 5`]);
});
