import { describe, expect, test } from "vitest";
import { createRouting, field, pointIdOf, transitions } from "../../../src/sharding/index.ts";
import { memoryState } from "../../helpers/sim/memory-state.ts";
import { moveOf } from "../sharding/tables.ts";
import { records, requestTimeoutMs, world, type World } from "./world.ts";

const three = { a: "serving", b: "serving", c: "serving" } as const;

function holders({ network }: World, key: string): string[] {
  return [...network.nodes.values()].filter((node) => node.points("docs").has(pointIdOf(key))).map(({ id }) => id);
}
function ownersOf(sim: World, key: string): string[] {
  const routing = createRouting(sim.table());
  return routing.setAt(routing.stamper.hashOf(key)).owners.map((index) => routing.nodeIds[index]!);
}

describe("writes", () => {
  test("a point is on its owners and nowhere else, stamped", async () => {
    const sim = await world(three);
    const client = await sim.connect();
    const result = await sim.until(client.upsert("docs", records(20)));
    expect(result).toMatchObject({ failed: [], markedStale: [] });
    expect(result.acknowledged).toHaveLength(20);
    for (const { key, payload } of records(20)) {
      expect(holders(sim, key).toSorted()).toEqual(ownersOf(sim, key).toSorted());
      const point = sim.network.nodes.get(ownersOf(sim, key)[0]!)!.points("docs").get(pointIdOf(key));
      expect(point?.payload).toMatchObject({ ...payload, [field.key]: key, [field.version]: result.version });
    }
    await sim.until(client.delete("docs", ["key 3"]));
    expect(holders(sim, "key 3")).toEqual([]);
  });

  test("a node that fails is marked stale once, by one change, before anything is acknowledged", async () => {
    const sim = await world(three);
    const client = await sim.connect();
    sim.network.nodes.get("b")!.crash();
    const results = await sim.until(Promise.all(Array.from({ length: 8 }, (_, i) => client.upsert("docs", records(5, i * 5)))));
    expect(results.flatMap(({ acknowledged }) => acknowledged)).toHaveLength(40);
    expect(results.flatMap(({ markedStale }) => markedStale)).toEqual(["b"]);
    expect(sim.table().nodes["b"]!.state).toBe("stale");
    expect(sim.table().epoch).toBe(2);
  });

  test.each([
    ["429 twice", { count: 2, status: 429 }, "serving", 2],
    ["429 without end", { count: 1000, status: 429 }, "stale", 3],
    ["500, which may have been done in part", { count: 1, status: 500 }, "stale", 1],
  ] as const)(
    "%s: a refusal that did nothing is repeated at the same node, before it is marked",
    async (_, refusals, state, sends) => {
      const sim = await world(three);
      const client = await sim.connect();
      const b = sim.network.nodes.get("b")!;
      const key = records(20).find((record) => ownersOf(sim, record.key).includes("b"))!;
      b.refusals = { ...refusals };
      const beganMs = sim.clock.nowMs();
      const result = await sim.until(client.upsert("docs", [key]));
      expect(result.acknowledged).toEqual([key.key]);
      expect(sim.table().nodes["b"]!.state).toBe(state);
      expect(refusals.count - b.refusals.count).toBe(state === "serving" ? refusals.count : sends);
      // It waited as long as it was asked to.
      expect(sim.clock.nowMs() - beganMs).toBeGreaterThanOrEqual(sends === 1 ? 0 : 400);
      if (state === "serving") expect(holders(sim, key.key)).toContain("b");
    },
  );

  test("a node that is being started, and refuses connections for a moment, is not marked", async () => {
    const sim = await world(three);
    const client = await sim.connect();
    const b = sim.network.nodes.get("b")!;
    b.crash();
    const writing = client.upsert("docs", records(20));
    await sim.clock.run(20);
    b.recover();
    const { acknowledged, markedStale } = await sim.until(writing);
    expect([acknowledged.length, markedStale]).toEqual([20, []]);
  });

  test("a partial failure says which keys failed; the last serving owner is never marked", async () => {
    const sim = await world(three, { table: { replicas: 1 } });
    const client = await sim.connect();
    sim.network.nodes.get("b")!.crash();
    const result = await sim.until(client.upsert("docs", records(20)));
    const lost = records(20).filter(({ key }) => ownersOf(sim, key)[0] === "b");
    expect(lost.length).toBeGreaterThan(0);
    expect(result.failed.map(({ key }) => key).toSorted()).toEqual(lost.map(({ key }) => key).toSorted());
    expect(result.failed[0]!.reason).toContain("b: connection refused");
    expect(sim.table().nodes["b"]!.state).toBe("serving");
    // It certainly never left: nothing can land late, and nobody needs to be quiet.
    expect(sim.table().nodes["b"]).not.toHaveProperty("quiet");
  });

  test("a write that was not answered and cannot be marked makes its node quiet, until one timeout after it answers", async () => {
    const sim = await world(three, { table: { replicas: 1 } });
    const client = await sim.connect();
    const key = records(20).find((record) => ownersOf(sim, record.key)[0] === "b")!;
    sim.network.nodes.get("b")!.freeze();
    const first = await sim.until(client.upsert("docs", [key]));
    expect(first.failed).toHaveLength(1);
    expect(sim.table().nodes["b"]!.quiet).toBe(2);
    const second = await sim.until(client.upsert("docs", [key]));
    expect(second.failed[0]!.reason).toContain("b did not answer a write");
    await sim.clock.run(20_000);
    expect(sim.table().nodes["b"]!.quiet).toBe(2);
    sim.network.nodes.get("b")!.recover();
    await sim.clock.run(requestTimeoutMs);
    expect(sim.table().nodes["b"]!.quiet).toBe(2);
    await sim.clock.run(3_000);
    expect(sim.table().nodes["b"]).not.toHaveProperty("quiet");
    expect((await sim.until(client.upsert("docs", [key]))).acknowledged).toEqual([key.key]);
  });

  test("the quiet of a node ends although the client that marked it is gone and the others are idle", async () => {
    const sim = await world(three, { table: { replicas: 1 } });
    const idle = await sim.connect("idle");
    await sim.until(idle.count("docs"));
    const b = sim.table().nodes["b"]!;
    sim.put({ nodes: { ...sim.table().nodes, b: { ...b, quiet: sim.table().epoch + 1 } } });
    await sim.clock.run(5_000);
    expect(sim.table().nodes["b"]).not.toHaveProperty("quiet");
  });

  test("fewer acknowledgements than minAcks is a failure, even though all who are left have it", async () => {
    const sim = await world({ a: "serving", b: "stale" }, { routing: { minAcks: 2 } });
    const client = await sim.connect();
    const result = await sim.until(client.upsert("docs", records(1)));
    expect(result.failed).toEqual([{ key: "key 0", reason: "1 of 2 acknowledgements: too few owners are in service" }]);
  });

  test("two writes of one client to one key are seen in one order by all replicas", async () => {
    const sim = await world(three, { table: { replicas: 3 } });
    sim.network.weather = { ...sim.network.weather, usualDelayMs: 50 };
    const client = await sim.connect();
    const writes = Array.from({ length: 10 }, (_, i) =>
      client.upsert("docs", [{ key: "k", vector: [1, 0, 0, 0], payload: { i } }]),
    );
    const results = await sim.until(Promise.all(writes));
    const last = results.toSorted((a, b) => a.version - b.version).at(-1)!.version;
    for (const node of sim.network.nodes.values())
      expect(node.points("docs").get(pointIdOf("k"))?.payload?.[field.version]).toBe(last);
  });

  test("keys of an announced move are logged before they are sent and after they are answered", async () => {
    const sim = await world({ ...three, d: "joining" });
    const client = await sim.connect();
    const all: [number, number] = [0, 2 ** 32];
    sim.put({ moves: [moveOf("m", "a", "d", [all])] });
    await sim.until(client.upsert("docs", [{ key: "7", vector: [1, 0, 0, 0] }]));
    expect(sim.shared.touched.map(({ move, kind, id }) => [move, kind, id])).toEqual([
      ["m", "before", 7],
      ["m", "after", 7],
    ]);
    expect(new Set(sim.shared.touched.map(({ op }) => op)).size).toBe(1);
  });

  test("a pause holds writes until it ends; after 2 s a writer ends it, by compare-and-set", async () => {
    const sim = await world({ ...three, d: "joining" });
    const client = await sim.connect();
    sim.put({ moves: [moveOf("m", "a", "d", [[0, 2 ** 32]], { phase: "paused", pause: 1 })] });
    let done = false;
    const writing = client.upsert("docs", records(1), { timeoutMs: 4_000 }).finally(() => (done = true));
    await sim.clock.run(1_900);
    expect([done, sim.table().moves[0]!.phase, holders(sim, "key 0")]).toEqual([false, "paused", []]);
    expect((await sim.until(writing)).acknowledged).toEqual(["key 0"]);
    expect(sim.table().moves[0]).toMatchObject({ phase: "announced", pause: 1 });
  });

  test("an epoch is confirmed only when nothing that began under an older one is in flight", async () => {
    const sim = await world(three);
    const client = await sim.connect();
    await sim.until(client.upsert("docs", records(1)));
    await sim.clock.run(1_100);
    for (const node of sim.network.nodes.values()) node.freeze();
    const writing = client.upsert("docs", records(1, 1));
    sim.put({});
    await sim.clock.run(900);
    const confirmed = () => sim.shared.leases.get("client")!.lease.confirmed["docs"];
    expect(confirmed()).toBe(1);
    for (const node of sim.network.nodes.values()) node.recover();
    await sim.until(writing);
    await sim.clock.run(1_100);
    expect(confirmed()).toBe(2);
  });

  test("a store that went back in time stops the client", async () => {
    const sim = await world(three);
    const client = await sim.connect();
    sim.put({});
    await sim.until(client.upsert("docs", records(1)));
    sim.shared.tables.set("docs", JSON.stringify({ ...sim.table(), epoch: 1 }));
    sim.shared.epochs.set("docs", 1);
    await sim.clock.run(1_500);
    await expect(sim.until(client.upsert("docs", records(1)))).rejects.toMatchObject({ code: "epoch-went-back", exitCode: 7 });
  });

  test("without a state store nothing is read or written once the lease has lapsed", async () => {
    const sim = await world(three);
    let away = false;
    const state = memoryState(sim.shared, sim.clock, () => (away ? Promise.reject(new Error("away")) : Promise.resolve()));
    const client = await sim.connect("client", state);
    await sim.until(client.upsert("docs", records(1)));
    away = true;
    expect((await sim.until(client.upsert("docs", records(1)))).acknowledged).toEqual(["key 0"]);
    await sim.clock.run(6_000);
    await expect(sim.until(client.upsert("docs", records(1)))).rejects.toThrow("away");
    await expect(sim.until(client.count("docs"))).rejects.toThrow("away");
    away = false;
    expect(await sim.until(client.count("docs"))).toBe(1);
  });

  test("a lease that ran out while it was written: nothing is acknowledged if the table has changed since", async () => {
    const sim = await world(three);
    let slow = false;
    const client = await sim.connect(
      "client",
      memoryState(sim.shared, sim.clock, () => sim.clock.sleep(slow ? 7_000 : 1)),
    );
    await sim.until(client.upsert("docs", records(1)));
    sim.network.nodes.get("b")!.crash();
    slow = true;
    // Marking b stale takes longer than the lease lasts.
    const writing = client.upsert("docs", records(10));
    await sim.clock.run(8_000);
    sim.put({});
    slow = false;
    const result = await sim.until(writing);
    expect(result.acknowledged).toEqual([]);
    expect(result.failed[0]!.reason).toContain("lease on the routing table ran out");
  });

  test("on a semantic table a key that changes cells leaves its old nodes before it is acknowledged", async () => {
    const centroids = [
      [1, 0, 0, 0],
      [0, 1, 0, 0],
      [0, 0, 1, 0],
      [0, 0, 0, 1],
    ];
    const partitioner = { kind: "semantic", hash: "xxh32", modelId: "m", centroids } as const;
    const sim = await world(three, { table: { replicas: 1, partitioner: { ...partitioner, centroids } } });
    const client = await sim.connect();
    const routing = createRouting(sim.table());
    for (const [cell, vector] of centroids.entries()) {
      await sim.until(client.upsert("docs", [{ key: "k", vector }]));
      expect(holders(sim, "k")).toEqual(routing.setAt(cell).owners.map((index) => routing.nodeIds[index]!));
    }
    expect(await sim.until(client.count("docs"))).toBe(1);
    expect((await sim.until(client.fetch("docs", ["k"]))).map(({ key }) => key)).toEqual(["k"]);
    await sim.until(client.delete("docs", ["k"]));
    expect(holders(sim, "k")).toEqual([]);
  });

  test("what cannot be written fails before anything is sent, every problem at once", async () => {
    const sim = await world(three);
    const client = await sim.connect();
    const bad = [
      { key: "x", vector: [1] },
      { key: "y", vector: [1, 2, 3, 4] },
      { key: "z", vector: [] },
    ];
    await expect(sim.until(client.upsert("docs", bad))).rejects.toMatchObject({
      exitCode: 2,
      details: [{ path: "x" }, { path: "z" }],
    });
    await expect(sim.until(client.upsert("none", records(1)))).rejects.toMatchObject({ exitCode: 2, code: "no-collection" });
    expect(holders(sim, "y")).toEqual([]);
  });

  test("closing waits for writes, ends the lease, and takes no more", async () => {
    const sim = await world(three);
    const client = await sim.connect();
    await sim.until(client.upsert("docs", records(1)));
    const writing = client.upsert("docs", records(3));
    await sim.until(client.close());
    expect((await writing).acknowledged).toHaveLength(3);
    expect(sim.shared.leases.size).toBe(0);
    await expect(sim.until(client.upsert("docs", records(1)))).rejects.toMatchObject({ code: "client-closed" });
  });
});

test("a stale mark made while a repair is under way ends the repair", async () => {
  const sim = await world({ a: "serving", b: "stale", c: "serving" });
  const repair = transitions.announceMoves(
    sim.table(),
    [moveOf("r", "a", "b", [[0, 2 ** 31]], { repair: true })],
    createRouting(sim.table()),
  );
  if ("refused" in repair) throw new Error(repair.refused);
  const marked = transitions.markStale(repair.table, "b", createRouting(repair.table));
  expect(marked).toMatchObject({ table: { moves: [], epoch: 3 } });
});
