import { describe, expect, test } from "vitest";
import { createRouting, field, missingShare } from "../../../src/sharding/index.ts";
import { records, world, type World } from "./world.ts";

const three = { a: "serving", b: "serving", c: "serving" } as const;
const query = [1, 1, 0, 0];

async function filled(sim: World, count = 30) {
  const client = await sim.connect();
  const { failed } = await sim.until(client.upsert("docs", records(count)));
  expect(failed).toEqual([]);
  return client;
}
const expected = (count: number, k: number) => Array.from({ length: k }, (_, i) => `key ${count - 1 - i}`);
const keys = (hits: { payload?: Record<string, unknown> }[]) => hits.map(({ payload }) => payload?.[field.key]);

describe("search", () => {
  test.each([
    ["one", 2],
    ["quorum", 3],
    ["all", 3],
  ] as const)("level %s over 2 of 3 replicas asks %i nodes, and finds the best of all", async (consistency, asked) => {
    const sim = await world(three, { routing: { consistency } });
    const client = await filled(sim);
    const result = await sim.until(client.search(client.prepareSearch("docs", query, { k: 5 })));
    expect(keys(result.hits)).toEqual(expected(30, 5));
    expect(result.requests).toHaveLength(asked);
    expect(result).not.toHaveProperty("partial");
  });

  test("a killed node costs a retried request or two, and no failed search; and it is used again once it is back", async () => {
    const sim = await world(three);
    const client = await filled(sim);
    const search = client.prepareSearch("docs", query, { k: 5 });
    sim.network.nodes.get("b")!.crash();
    let retried = 0;
    for (let i = 0; i < 100; i++) {
      const { hits, partial, requests } = await sim.until(client.search(search));
      expect([keys(hits), partial]).toEqual([expected(30, 5), undefined]);
      if (requests.some(({ outcome }) => outcome !== "ok")) retried++;
    }
    expect(retried).toBeGreaterThan(0);
    expect(retried).toBeLessThan(4);
    sim.network.nodes.get("b")!.recover();
    await sim.clock.run(1_000);
    const asked = new Set<string>();
    for (let i = 0; i < 50; i++) for (const { node } of (await sim.until(client.search(search))).requests) asked.add(node);
    expect([...asked].toSorted()).toEqual(["a", "b", "c"]);
  });

  test("a hanging node is given up in time for others to answer", async () => {
    const sim = await world(three);
    const client = await filled(sim);
    sim.network.nodes.get("b")!.freeze();
    const results = await sim.until(
      Promise.all(Array.from({ length: 20 }, () => client.search(client.prepareSearch("docs", query, { k: 5 })))),
    );
    for (const { hits, partial } of results) expect([keys(hits), partial]).toEqual([expected(30, 5), undefined]);
  });

  test("what nobody can answer for is said, exactly", async () => {
    const sim = await world(three, { table: { replicas: 1 } });
    const client = await filled(sim);
    sim.network.nodes.get("b")!.crash();
    const { hits, partial } = await sim.until(client.search(client.prepareSearch("docs", query, { k: 30 })));
    const routing = createRouting(sim.table());
    const lost = missingShare(routing.covers, (node) => routing.nodeIds[node] !== "b");
    expect(lost).toBeGreaterThan(0.1);
    expect(partial?.missingShare).toBeCloseTo(lost, 12);
    expect(hits.length).toBeLessThan(30);
    for (const node of sim.network.nodes.values()) node.crash();
    await expect(sim.until(client.search(client.prepareSearch("docs", query, { k: 5 })))).rejects.toMatchObject({
      exitCode: 3,
      code: "cluster-unreachable",
    });
  });

  test("leftovers on a node that does not own them are dropped, and it is asked deeper", async () => {
    const sim = await world(three, { table: { replicas: 1 } });
    const client = await filled(sim);
    const [owner, other] = [sim.network.nodes.get("a")!, sim.network.nodes.get("b")!];
    // A move left old copies of all of a's points on b, with vectors that would win every search.
    for (const [id, point] of owner.points("docs")) other.points("docs").set(id, { ...point, vector: [1000, 1000, 0, 0] });
    const { hits } = await sim.until(client.search(client.prepareSearch("docs", query, { k: 5 })));
    expect(keys(hits)).toEqual(expected(30, 5));
    expect(Math.max(...hits.map(({ score }) => score))).toBeLessThan(100);
  });
});

describe("scans", () => {
  test.each(["whole", "one node down"])("count, scroll and fetch see each point once: %s", async (how) => {
    const sim = await world(three);
    const client = await filled(sim);
    // A leftover that its node does not own.
    const routing = createRouting(sim.table());
    const stray = [...sim.network.nodes.get("a")!.points("docs").values()].find(
      ({ payload }) => !routing.serves(routing.indexOf.get("b")!, payload![field.hash] as number),
    )!;
    sim.network.nodes.get("b")!.points("docs").set(stray.id, stray);
    if (how !== "whole") sim.network.nodes.get("c")!.crash();
    expect(await sim.until(client.count("docs"))).toBe(30);
    const pages = await sim.until(
      (async () => {
        const seen: string[] = [];
        for await (const page of client.scroll("docs", { pageSize: 4 })) seen.push(...page.map(({ key }) => key));
        return seen;
      })(),
    );
    expect(pages.toSorted()).toEqual(
      records(30)
        .map(({ key }) => key)
        .toSorted(),
    );
    const found = await sim.until(client.fetch("docs", ["key 4", "none", "key 9", "key 4"], { withVector: true }));
    expect(found.map(({ key, payload, vector }) => [key, payload["n"], vector?.[1]])).toEqual([
      ["key 4", 4, 4],
      ["key 9", 9, 9],
    ]);
  });

  test("a node that dies in the middle of a scroll is replaced, and nothing comes twice", async () => {
    const sim = await world(three);
    const client = await filled(sim);
    const seen: string[] = [];
    const scrolling = (async () => {
      for await (const page of client.scroll("docs", { pageSize: 3 })) {
        seen.push(...page.map(({ key }) => key));
        if (seen.length > 5) sim.network.nodes.get("a")!.crash();
      }
    })();
    await sim.until(scrolling);
    expect(seen.toSorted()).toEqual(
      records(30)
        .map(({ key }) => key)
        .toSorted(),
    );
  });

  test("a count that cannot be complete is an error, not a smaller number", async () => {
    const sim = await world(three, { table: { replicas: 1 } });
    const client = await filled(sim);
    sim.network.nodes.get("b")!.crash();
    await expect(sim.until(client.count("docs"))).rejects.toMatchObject({ exitCode: 3, code: "cluster-unreachable" });
  });
});

describe("native", () => {
  test("one node is asked; a read moves on when it fails, a write does not", async () => {
    const sim = await world({ a: "serving", b: "serving" }, { topology: "native" });
    const client = await sim.connect();
    for (const node of sim.network.nodes.values())
      node.points("docs").set(7, { id: 7, vector: query, payload: { [field.key]: "7" } });
    const search = client.prepareSearch("docs", query, { k: 5, withPayload: true });
    expect((await sim.until(client.search(search))).requests).toHaveLength(1);
    sim.network.nodes.get("a")!.crash();
    for (let i = 0; i < 10; i++) expect(keys((await sim.until(client.search(search))).hits)).toEqual(["7"]);
    sim.network.nodes.get("b")!.freeze();
    const result = await sim.until(client.upsert("docs", records(2)));
    expect(result.failed.map(({ key }) => key)).toEqual(["key 0", "key 1"]);
  });
});
