import { expect, test } from "vitest";
import { seededRng } from "../../../src/runtime.ts";
import { loadHashes, type RoutingTable } from "../../../src/sharding/index.ts";
import { planSpill } from "../../../src/sharding/plan/spill.ts";
import { ringTable, SimCluster } from "./sim-cluster.ts";

await loadHashes();

test("copies that are half made are given up, whatever holds a verification that died has left", async () => {
  const plain: RoutingTable = {
    ...ringTable(["n0", "n1", "n2"], 1, []),
    partitioner: { kind: "semantic", hash: "xxh32", modelId: "aaaaaaaa0001", centroids: [0, 1, 2].map((cell) => axis(cell)) },
  };
  const plan = planSpill({
    planId: "plan-on",
    createdAt: "2026-01-01T00:00:00.000Z",
    cluster: "sim",
    table: plain,
    ratio: 1.5,
    load: { points: 10, bytes: 100 },
    pairs: [],
    maxRate: { per: "points", perSec: 100 },
  });
  const sim = new SimCluster(
    {
      ...plain,
      spill: { ratio: 1.5, field: "_ragctl_spill", phase: "filling" },
      moves: [
        {
          id: "verify/1",
          from: "n0",
          to: "n0",
          replaces: null,
          selector: { kind: "cells", cells: [0] },
          phase: "announced",
          pause: 0,
        },
      ],
    },
    seededRng(1),
  );
  const state = { ended: "" };
  void sim.abortSpill(plan, "m0").then(
    (how) => (state.ended = how),
    (error: Error) => (state.ended = error.message),
  );
  for (let n = 0; n < 100 && state.ended === ""; n++) await sim.clock.run(1_000);
  expect(state.ended).toBe("finished");
  expect(sim.table.spill).toBeUndefined();
});

function axis(cell: number): number[] {
  return [0, 1, 2, 3].map((d) => (d === cell ? 1 : 0));
}
