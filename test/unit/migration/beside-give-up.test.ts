import { expect, test } from "vitest";
import { giveUpPlan } from "../../../src/sharding/plan/beside.ts";
import { loadHashes, type Move, type RoutingTable } from "../../../src/sharding/index.ts";
import { seededRng } from "../../../src/runtime.ts";
import { collection, patienceMs, ringTable, SimCluster } from "./sim-cluster.ts";

const about = { planId: "plan-back", createdAt: "2026-01-01T00:00:00.000Z", cluster: "sim" };
const layout = "docs@20260101-000000-test";
const beside = { physical: layout, planId: "plan-blue", state: "building" as const };

/** A layout that is being built, and the plan that gives it up. */
async function building(change: Partial<RoutingTable> = {}) {
  await loadHashes();
  const sim = new SimCluster({ ...ringTable(["a", "b", "c"], 2, []), beside, ...change }, seededRng(1));
  for (const node of sim.network.nodes.values()) for (const name of [collection, layout]) node.points(name);
  const plan = giveUpPlan(sim.table, { ...about, reverses: beside.planId, load: { points: 0, bytes: 0 } });
  return {
    sim,
    /** @returns how it ended, and what each node has then */
    giveUp: async () => {
      const ended: unknown[] = [];
      sim.apply(plan, "m").then(
        (outcome) => ended.push(outcome),
        (error: unknown) => ended.push(error),
      );
      for (let waited = 0; ended.length === 0 && waited < 10 * patienceMs; waited += 500) await sim.clock.run(500);
      return { ended, nodes: [...sim.network.nodes.values()].map(({ collections }) => [...collections.keys()].join(" ")) };
    },
  };
}

test("what a verification that died was holding is in nobody's way", async () => {
  const selector = { kind: "ranges" as const, ranges: [[0, 100] as [number, number]] };
  const hold: Move = { id: "verify/1", selector, from: "a", to: "a", replaces: null, phase: "paused", pause: 1 };
  const { sim, giveUp } = await building({ moves: [hold] });
  expect(await giveUp()).toEqual({ ended: ["finished"], nodes: [collection, collection, collection] });
  expect([sim.table.moves, sim.table.beside]).toEqual([[], undefined]);
});

test("a node that does not answer is stale from then on, so that its repair takes away what it has", async () => {
  const { sim, giveUp } = await building();
  sim.network.nodes.get("b")!.crash();
  expect(await giveUp()).toEqual({ ended: ["finished"], nodes: [collection, `${collection} ${layout}`, collection] });
  expect([sim.table.nodes["b"]!.state, sim.table.beside]).toEqual(["stale", undefined]);
  sim.network.nodes.get("b")!.recover();
  void sim.repairs("r");
  await sim.clock.run(20_000);
  expect([sim.table.nodes["b"]!.state, [...sim.network.nodes.get("b")!.collections.keys()]]).toEqual(["serving", [collection]]);
  sim.dead.add("r");
});

test("what a mover that lost its lock unnoticed has switched to is not taken for what it was", async () => {
  const { sim, giveUp } = await building();
  sim.tamper = (state) => ({
    ...state,
    leases() {
      const { table, shared } = sim;
      const left = { ...beside, physical: collection, state: "left" as const };
      if (table.physical === undefined) {
        const switched = { ...table, epoch: table.epoch + 1, physical: layout, beside: left };
        shared.tables.set(collection, JSON.stringify(switched));
        shared.epochs.set(collection, switched.epoch);
      }
      return state.leases();
    },
  });
  const { ended, nodes } = await giveUp();
  expect(ended).toMatchObject([{ code: "plan-switched", exitCode: 5 }]);
  expect(nodes).toEqual(Array.from({ length: 3 }, () => `${collection} ${layout}`));
});
