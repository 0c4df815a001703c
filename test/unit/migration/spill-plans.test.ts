import { expect, test } from "vitest";
import { seededRng } from "../../../src/runtime.ts";
import { reversePlan } from "../../../src/migration/reverse.ts";
import { createRouting, loadHashes, type RoutingTable, type SemanticSpec } from "../../../src/sharding/index.ts";
import type { Plan } from "../../../src/sharding/plan/contract.ts";
import { planSpill } from "../../../src/sharding/plan/spill.ts";
import { ringTable, SimCluster } from "./sim-cluster.ts";

await loadHashes();

const plain: RoutingTable = {
  ...ringTable(["n0", "n1", "n2"], 1, []),
  partitioner: { kind: "semantic", hash: "xxh32", modelId: "aaaaaaaa0001", centroids: [0, 1, 2].map((cell) => axis(cell)) },
};
const about = { createdAt: "2026-01-01T00:00:00.000Z", cluster: "sim" };
const planTo = (planId: string, table: RoutingTable, probes?: number): Plan =>
  planSpill({
    ...about,
    planId,
    table,
    ratio: 1.5,
    ...(probes !== undefined && { probes }),
    load: { points: 10, bytes: 100 },
    pairs: [],
    maxRate: { per: "points", perSec: 100 },
  });

async function ended(sim: SimCluster, work: Promise<string>): Promise<string> {
  const state = { ended: "" };
  void work.then(
    (how) => (state.ended = how),
    (error: Error) => (state.ended = error.message),
  );
  for (let n = 0; n < 100 && state.ended === ""; n++) await sim.clock.run(1_000);
  return state.ended;
}

test("where copies are kept, other probes are a plan that changes them, and is undone", async () => {
  const sim = new SimCluster({ ...plain, spill: { ratio: 1.5, field: "_ragctl_spill", phase: "on" } }, seededRng(1));
  const probes = () => (sim.table.partitioner as SemanticSpec).probes;
  const plan = planTo("plan-probes", sim.table, 2);
  expect(await ended(sim, sim.apply(plan, "m0"))).toBe("finished");
  expect([probes(), sim.table.spill?.phase]).toEqual([2, "on"]);
  const back = reversePlan(plan, createRouting(sim.table), { ...about, planId: "plan-back", nodes: [] });
  for (const who of ["m1", "m2"]) expect(await ended(sim, sim.apply(back, who))).toBe("finished");
  expect([probes(), sim.table.spill?.phase]).toEqual([undefined, "on"]);
});

test("copies that are half made are given up, whatever holds a verification that died has left", async () => {
  const plan = planTo("plan-on", plain);
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
  expect(await ended(sim, sim.abortSpill(plan, "m0"))).toBe("finished");
  expect(sim.table.spill).toBeUndefined();
});

function axis(cell: number): number[] {
  return [0, 1, 2, 3].map((d) => (d === cell ? 1 : 0));
}
