import { describe, expect, test } from "vitest";
import { hedgeBurst, hedgeEarns } from "../../../src/cluster/hedge.ts";
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

describe("trouble", () => {
  /** Opens b's breaker: it fails for a while, and is well again before anything has noticed. */
  async function withOpenBreaker(sim: World) {
    const client = await filled(sim);
    const search = client.prepareSearch("docs", query, { k: 5 });
    const b = sim.network.nodes.get("b")!;
    b.refusals = { count: 1000, status: 500 };
    for (let i = 0; i < 60; i++) await sim.until(client.search(search, { timeoutMs: 50 }).catch(() => undefined));
    b.refusals.count = 0;
    expect(client.nodeStates().find(({ node }) => node === "b")!.breaker).toBe("open");
    return { client, search };
  }

  test("an open breaker prefers others: where there are none, the node is asked all the same", async () => {
    const sim = await world(three, { table: { replicas: 1 }, routing: { breaker: "fixed" } });
    const { client, search } = await withOpenBreaker(sim);
    const { hits, partial } = await sim.until(client.search(search));
    expect([keys(hits), partial]).toEqual([expected(30, 5), undefined]);
    expect(await sim.until(client.count("docs"))).toBe(30);
    expect(
      await sim.until(
        client.fetch(
          "docs",
          records(30).map(({ key }) => key),
        ),
      ),
    ).toHaveLength(30);
  });

  test("with an open breaker and another owner, the node is spared", async () => {
    const sim = await world(three, { routing: { breaker: "fixed" } });
    const client = await filled(sim);
    const search = client.prepareSearch("docs", query, { k: 5 });
    const b = sim.network.nodes.get("b")!;
    b.refusals = { count: 1000, status: 500 };
    await sim.until(Promise.all(Array.from({ length: 60 }, () => client.search(search))));
    expect(client.nodeStates().find(({ node }) => node === "b")!.breaker).toBe("open");
    const { arrived } = b;
    for (let i = 0; i < 50; i++) await sim.until(client.search(search));
    expect(b.arrived).toBe(arrived);
  });

  test("a node whose breaker is open is not crushed: a few are asked at a time, the others say what is missing", async () => {
    const sim = await world(three, { table: { replicas: 1 }, routing: { breaker: "fixed" } });
    const { client, search } = await withOpenBreaker(sim);
    const b = sim.network.nodes.get("b")!;
    const before = b.arrived;
    b.delayMs = 100;
    const searching = Promise.all(Array.from({ length: 60 }, () => client.search(search)));
    await sim.clock.run(50);
    expect(b.arrived - before).toBe(8);
    // As many wait as are under way at most, four times over; the others say what they miss.
    expect((await sim.until(searching)).filter(({ partial }) => partial)).toHaveLength(60 - 8 - 32);
  });

  test("nodes that are slow but answer open no breaker, and nothing is missing", async () => {
    const sim = await world(three);
    const client = await filled(sim);
    const search = client.prepareSearch("docs", query, { k: 5 });
    for (const node of sim.network.nodes.values()) node.delayMs = 700;
    const results = [];
    for (let i = 0; i < 200; i++) {
      results.push(client.search(search));
      await sim.clock.run(50);
    }
    for (const { hits, partial } of await sim.until(Promise.all(results)))
      expect([keys(hits), partial]).toEqual([expected(30, 5), undefined]);
    expect(client.nodeStates().map(({ breaker }) => breaker)).toEqual(["closed", "closed", "closed"]);
  });

  test("a hanging node opens its breaker although others have answered in its place", async () => {
    const sim = await world(three, { routing: { breaker: "fixed" } });
    const client = await filled(sim);
    sim.network.nodes.get("b")!.freeze();
    const search = client.prepareSearch("docs", query, { k: 5 });
    const results = await sim.until(Promise.all(Array.from({ length: 60 }, () => client.search(search))));
    for (const { hits, requests } of results) {
      expect(keys(hits)).toEqual(expected(30, 5));
      for (const { node, outcome } of requests) expect([node, outcome]).toEqual([node, node === "b" ? "cancelled" : "ok"]);
    }
    expect(client.nodeStates().find(({ node }) => node === "b")!.breaker).toBe("open");
  });

  test("beyond what may wait for a node, a search is refused as overload, at once", async () => {
    const sim = await world({ a: "serving" }, { table: { replicas: 1 }, routing: { maxInFlightPerNode: 2 } });
    const client = await filled(sim);
    const search = client.prepareSearch("docs", query, { k: 5 });
    const results = await sim.until(Promise.allSettled(Array.from({ length: 30 }, () => client.search(search))));
    const refused = results.filter(({ status }) => status === "rejected");
    expect(refused).toHaveLength(30 - 2 - 8);
    for (const { reason } of refused as PromiseRejectedResult[]) expect(reason).toMatchObject({ code: "overload" });
    const writes = await sim.until(Promise.all(Array.from({ length: 30 }, (_, i) => client.upsert("docs", records(1, i)))));
    const failed = writes.flatMap(({ failed }) => failed);
    expect(failed.length).toBeGreaterThan(10);
    for (const { reason } of failed) expect(reason).toContain("overload");
    expect(sim.table().nodes["a"]!).toEqual({ url: "http://a", weight: 1, state: "serving" });
  });

  test("a rate refuses what is beyond it", async () => {
    const sim = await world(three, { routing: { maxRate: 40 } });
    const client = await sim.connect();
    const search = client.prepareSearch("docs", query, { k: 5 });
    const burst = () => sim.until(Promise.allSettled(Array.from({ length: 60 }, () => client.search(search))));
    const ok = (results: PromiseSettledResult<unknown>[]) => results.filter(({ status }) => status === "fulfilled").length;
    const first = await burst();
    expect(ok(first)).toBe(40);
    expect(first.at(-1)).toMatchObject({ reason: { code: "overload", exitCode: 7 } });
    await sim.clock.run(500);
    expect(ok(await burst())).toBeGreaterThanOrEqual(20);
  });
});

describe("hedged reads", () => {
  const usual = 20;
  /** A client that has measured its nodes. */
  async function measured(hedge: "p95" | "off") {
    const sim = await world(three, { routing: { hedge } });
    const client = await filled(sim);
    const search = client.prepareSearch("docs", query, { k: 5 });
    for (let i = 0; i < 200; i++) await sim.until(client.search(search));
    return { sim, client, search };
  }

  test.each(["p95", "off"] as const)("%s: a node that begins to lag is overtaken by another owner, or not", async (hedge) => {
    const { sim, client, search } = await measured(hedge);
    sim.network.nodes.get("b")!.delayMs = 300;
    const results = await sim.until(Promise.all(Array.from({ length: 4 }, () => client.search(search))));
    const toB = results.filter(({ requests }) => requests.some(({ node }) => node === "b"));
    expect(toB.length).toBeGreaterThan(0);
    for (const { hits, requests } of toB) {
      expect(keys(hits)).toEqual(expected(30, 5));
      const tookMs =
        Math.max(...requests.map(({ endUs }) => endUs)) / 1000 - Math.min(...requests.map(({ sentUs }) => sentUs)) / 1000;
      const outcome = requests.find(({ node }) => node === "b")!.outcome;
      if (hedge === "off") expect([outcome, tookMs >= 300]).toEqual(["ok", true]);
      else expect([outcome, tookMs < 300 - usual, requests.length]).toEqual(["cancelled", true, 3]);
    }
  });

  test("when all are slow the budget bounds what is sent besides", async () => {
    const { sim, client, search } = await measured("p95");
    for (const node of sim.network.nodes.values()) node.delayMs = 100;
    const results = await sim.until(Promise.all(Array.from({ length: 100 }, () => client.search(search))));
    const extra = results.reduce((sum, { requests }) => sum + requests.length - 2, 0);
    expect(extra).toBeGreaterThan(0);
    expect(extra).toBeLessThanOrEqual(hedgeBurst + hedgeEarns * 2 * 100 + 2);
  });
});

describe("consistency", () => {
  // How many of three replicas serve; what is said of the answer.
  test.each([
    ["one", 3, false],
    ["one", 1, false],
    ["quorum", 3, false],
    ["quorum", 2, false],
    ["quorum", 1, true],
    ["all", 3, false],
    ["all", 2, true],
  ] as const)("%s with %i of 3 owners serving: below the level %s", async (consistency, serving, below) => {
    const states = { a: "serving", b: serving > 1 ? "serving" : "stale", c: serving > 2 ? "serving" : "stale" } as const;
    const sim = await world(states, { table: { replicas: 3 }, routing: { consistency } });
    const client = await filled(sim);
    const result = await sim.until(client.search(client.prepareSearch("docs", query, { k: 5 })));
    expect(keys(result.hits)).toEqual(expected(30, 5));
    expect(result.partial).toBeUndefined();
    if (below) expect(result.belowConsistency?.share).toBeCloseTo(1, 12);
    else expect(result).not.toHaveProperty("belowConsistency");
    const told: string[] = [];
    await sim.until(client.fetch("docs", ["key 1", "key 2"], { onBelowConsistency: (keys) => told.push(...keys) }));
    expect(told).toEqual(below ? ["key 1", "key 2"] : []);
  });

  test("an owner that does not answer counts as one that is missing, for its share", async () => {
    const sim = await world(three, { routing: { consistency: "quorum" } });
    const client = await filled(sim);
    sim.network.nodes.get("b")!.crash();
    const { hits, partial, belowConsistency } = await sim.until(client.search(client.prepareSearch("docs", query, { k: 5 })));
    expect([keys(hits), partial]).toEqual([expected(30, 5), undefined]);
    const routing = createRouting(sim.table());
    const owned = routing.covers.reduce(
      (sum, { read, share }) => (read.includes(routing.indexOf.get("b")!) ? sum + share : sum),
      0,
    );
    expect(belowConsistency?.share).toBeCloseTo(owned, 12);
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
