import { expect, test } from "vitest";
import { newAliasRecord, type AliasRecord } from "../../../src/sharding/alias-record.ts";
import { records, world, type World } from "./world.ts";

/** A world whose collection `docs` has a twin, `docs-2`, and an alias `live` on the first. */
async function twoReleases(): Promise<World & { stand: (record: Partial<AliasRecord>) => Promise<boolean> }> {
  const made = await world({ a: "serving", b: "serving" });
  made.shared.tables.set("docs-2", JSON.stringify({ ...made.table(), collection: "docs-2", epoch: 1 }));
  made.shared.epochs.set("docs-2", 1);
  const stand = async (change: Partial<AliasRecord>) => {
    const record = (await made.until(made.state.getAlias("live"))) ?? newAliasRecord("live");
    return await made.until(made.state.compareAndSetAlias({ ...record, ...change, version: record.version + 1 }));
  };
  await stand({ collection: "docs" });
  return { ...made, stand };
}

test("reads and writes by an alias go to the collection that it stands for, and follow it within a renewal", async () => {
  const { connect, until, stand, clock, network } = await twoReleases();
  const client = await connect();
  const write = async (from: number) => expect((await until(client.upsert("live", records(2, from)))).failed).toEqual([]);
  await write(0);
  const search = client.prepareSearch("live", [1, 0, 0, 0], { k: 10, withPayload: true });
  const keysOf = async () => (await until(client.search(search))).hits.map(({ payload }) => payload?.["n"]).toSorted();
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
