import { expect, test } from "vitest";
import { newAliasRecord, type AliasRecord } from "../../../src/sharding/alias-record.ts";
import { connectCluster } from "../../../src/cluster/index.ts";
import { seededRng } from "../../../src/runtime.ts";
import type { NodeEndpoint, StoreControl } from "../../../src/stores/contract.ts";
import { records, world } from "./world.ts";

/** A world whose collection `docs` has a twin, `docs-2`, and an alias `live` on the first. */
async function twoReleases() {
  const made = await world({ a: "serving", b: "serving" });
  made.shared.tables.set("docs-2", JSON.stringify({ ...made.table(), collection: "docs-2", epoch: 1 }));
  made.shared.epochs.set("docs-2", 1);
  const stand = async (change: Partial<AliasRecord>) => {
    const record = (await made.until(made.state.getAlias("live"))) ?? newAliasRecord("live");
    return await made.until(made.state.compareAndSetAlias({ ...record, ...change, version: record.version + 1 }));
  };
  await stand({ collection: "docs" });
  const connect = () => made.connect();
  const until: <T>(work: Promise<T>) => Promise<T> = (work) => made.until(work);
  return { ...made, connect, until, stand };
}

test("reads and writes by an alias go to the collection that it stands for, and follow it within a renewal", async () => {
  const { connect, until, stand, clock, network } = await twoReleases();
  const client = await connect();
  const write = async (from: number) => expect((await until(client.upsert("live", records(2, from)))).failed).toEqual([]);
  await write(0);
  const search = client.prepareSearch("live", [1, 0, 0, 0], { k: 10, withPayload: true });
  const keysOf = async () =>
    (await until(client.search(search))).hits.map(({ payload }) => Number(payload?.["n"])).toSorted((a, b) => a - b);
  expect(await keysOf()).toEqual([0, 1]);

  await stand({ collection: "docs-2" });
  await clock.run(1_500);
  await write(10);
  expect(await keysOf()).toEqual([10, 11]);
  expect(await until(client.count("live"))).toBe(2);
  expect((await until(client.fetch("live", ["key 0", "key 10"]))).map(({ key }) => key)).toEqual(["key 10"]);
  expect((await until(client.table("live")))?.collection).toBe("docs-2");
  const scrolled: string[] = [];
  await until(
    (async () => {
      for await (const page of client.scroll("live", {})) scrolled.push(...page.map(({ key }) => key));
    })(),
  );
  expect(scrolled.toSorted()).toEqual(["key 10", "key 11"]);
  expect(await until(client.count("docs"))).toBe(2);
  // Nothing was ever asked of a node under the alias itself: nodes may still have the old one.
  for (const node of network.nodes.values()) expect([...node.collections.keys()].toSorted()).toEqual(["docs", "docs-2"]);
  await until(client.close());
});

test("an alias is a name among the collections, its releases are not, and it cannot be dropped as if it were one", async () => {
  const { connect, until, stand } = await twoReleases();
  await stand({
    releases: [{ id: "2", collection: "docs-2", createdAtMs: 0, state: "ready" }],
  });
  const client = await connect();
  expect(await until(client.collections())).toEqual(["docs", "live"]);
  await expect(until(client.dropCollection("live"))).rejects.toMatchObject({ code: "is-alias", exitCode: 7 });
  await until(client.close());
});

test("a client that is at work finishes what a dead process had decided, and leaves alone what a living one is at", async () => {
  const { state, until, stand, clock, shared, network, cluster } = await twoReleases();
  const held = new Map([...network.nodes.keys()].map((id) => [id, new Map([["live", "docs"]])]));
  const driver = network.driver();
  const aliased = {
    ...driver,
    control: (node: NodeEndpoint): StoreControl => ({
      ...driver.control(node),
      listAliases: () => Promise.resolve([...held.get(node.id)!].map(([alias, collection]) => ({ alias, collection }))),
      updateAliases(actions) {
        for (const action of actions)
          if ("create" in action) held.get(node.id)!.set(action.create.alias, action.create.collection);
        return Promise.resolve();
      },
    }),
  };
  const switching = {
    id: "s",
    kind: "release",
    from: "docs",
    to: "docs-2",
    nodes: ["a", "b"],
    done: ["a"],
    replaces: false,
  } as const;
  await stand({ collection: "docs-2", switch: { ...switching, nodes: ["a", "b"], done: ["a"], phase: "committing" } });
  held.get("a")!.set("live", "docs-2");
  const owner = { host: "elsewhere", pid: 1, startTime: "then", purpose: "ingest --into-new" };
  await until(state.acquireLock("alias:live", owner, 20_000));
  const client = await connectCluster(
    cluster,
    { clock, rng: seededRng(1), purpose: "test", cwd: "/" },
    { createPool: ({ origin }) => network.pool(origin), driver: aliased, state, clientId: "finisher" },
  );
  expect(await until(client.count("live"))).toBe(0);
  await clock.run(10_000);
  expect(held.get("b")!.get("live")).toBe("docs");
  // Its lease ends.
  await clock.run(20_000);
  expect(held.get("b")!.get("live")).toBe("docs-2");
  const record = JSON.parse(shared.aliases.get("live")!) as AliasRecord;
  expect(record).toMatchObject({ collection: "docs-2" });
  expect(record.switch).toBeUndefined();
  await until(client.close());
});
