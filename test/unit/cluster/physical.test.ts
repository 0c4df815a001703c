import { expect, test } from "vitest";
import { giveAlias, giveAliases } from "../../../src/cluster/alias-switch.ts";
import { prepareNode, type MigrationAccess } from "../../../src/migration/access.ts";
import { layoutsOf } from "../../../src/migration/beside/on-nodes.ts";
import { newAliasRecord } from "../../../src/sharding/alias-record.ts";
import type { AliasAction, StoreControl } from "../../../src/stores/contract.ts";
import { EventClock } from "../../helpers/sim/event-clock.ts";
import { MemoryState, memoryState } from "../../helpers/sim/memory-state.ts";
import { records, world } from "./world.ts";

test("a client's every request goes to the collection that the table names, from the epoch on that names it", async () => {
  const made = await world({ a: "serving", b: "serving" });
  const { clock, network } = made;
  const until = <T>(work: Promise<T>): Promise<T> => made.until(work);
  const client = await made.connect();
  expect((await until(client.upsert("docs", records(4)))).failed).toEqual([]);
  const search = client.prepareSearch("docs", [1, 0, 0, 0], { k: 10, withPayload: true });
  expect((await until(client.search(search))).hits).toHaveLength(4);

  made.put({ physical: "docs@2" });
  await clock.run(1_500);
  expect((await until(client.upsert("docs", records(2, 10)))).failed).toEqual([]);
  const keys = ["key 0", "key 10"];
  const scrolled: string[] = [];
  await until(
    (async () => {
      for await (const page of client.scroll("docs", {})) scrolled.push(...page.map(({ key }) => key));
    })(),
  );
  expect([
    (await until(client.search(search))).hits.map(({ payload }) => payload?.["n"]).length,
    (await until(client.fetch("docs", keys))).map(({ key }) => key),
    await until(client.count("docs")),
    scrolled.toSorted(),
    (await until(client.onNode("a").count("docs"))) + (await until(client.onNode("b").count("docs"))),
  ]).toEqual([2, ["key 10"], 2, ["key 10", "key 11"], sizeOn("docs@2")]);
  function sizeOn(physical: string): number {
    return [...network.nodes.values()].reduce((sum, node) => sum + (node.collections.get(physical)?.size ?? 0), 0);
  }
  expect(sizeOn("docs")).toBeGreaterThanOrEqual(4);
  await until(client.close());
});

/** One node's names, as a store keeps them: an alias stands for a collection, never for an alias, and never has a collection's name. */
function names(collections: string[]) {
  const aliases = new Map<string, string>();
  const control: Pick<StoreControl, "listAliases" | "updateAliases" | "listCollections" | "deleteCollection"> = {
    listAliases: () => Promise.resolve([...aliases].map(([alias, collection]) => ({ alias, collection }))),
    listCollections: () => Promise.resolve([...collections]),
    updateAliases(actions: AliasAction[]) {
      for (const action of actions)
        if ("delete" in action) aliases.delete(action.delete.alias);
        else {
          const { alias, collection } = action.create;
          if (!collections.includes(collection)) throw new Error(`no collection ${collection}`);
          if (collections.includes(alias)) throw new Error(`${alias} is a collection`);
          aliases.set(alias, collection);
        }
      return Promise.resolve();
    },
    deleteCollection(name) {
      const at = collections.indexOf(name);
      if (at >= 0) collections.splice(at, 1);
      for (const [alias, collection] of aliases) if (collection === name) aliases.delete(alias);
      return Promise.resolve(at >= 0);
    },
  };
  return { control, aliases, collections };
}

test("what a node's names stand for follows a collection that was built anew, and so do later switches", async () => {
  const state = memoryState(new MemoryState(), new EventClock());
  await state.compareAndSetAlias({ ...newAliasRecord("live"), version: 1, collection: "docs" });
  const { control, aliases, collections } = names(["docs", "docs@2", "wiki"]);
  aliases.set("live", "docs");
  const table = { collection: "docs", physical: "docs@2" };
  const beside = { physical: "docs", planId: "plan", state: "left" as const };
  await giveAliases(state, { ...table, beside }, control);
  // The old one is still there under its own name.
  expect([...aliases]).toEqual([["live", "docs@2"]]);
  await giveAlias(control, { alias: "docs", to: "docs@2", replaces: true });
  expect([collections, Object.fromEntries(aliases)]).toEqual([["docs@2", "wiki"], { live: "docs@2", docs: "docs@2" }]);

  await giveAlias(control, { alias: "live", to: "wiki", replaces: false });
  await giveAlias(control, { alias: "live", to: "docs", replaces: false });
  expect(aliases.get("live")).toBe("docs@2");
  const fresh = names(["docs@2"]);
  await giveAliases(state, table, fresh.control);
  expect(Object.fromEntries(fresh.aliases)).toEqual({ live: "docs@2", docs: "docs@2" });
});

test("where a release replaces a collection that was built anew, the layout goes from the node as well", async () => {
  const { control, aliases, collections } = names(["docs@20260101-000000-test", "docs-2"]);
  aliases.set("docs", "docs@20260101-000000-test");
  await giveAlias(control, { alias: "docs", to: "docs-2", replaces: true });
  expect([collections, Object.fromEntries(aliases)]).toEqual([["docs-2"], { docs: "docs-2" }]);
  // An earlier release of the name stays.
  const { control: other, collections: kept } = names(["docs-1", "docs-2"]);
  await giveAlias(other, { alias: "docs", to: "docs-1", replaces: false });
  await giveAlias(other, { alias: "docs", to: "docs-2", replaces: true });
  expect(kept).toEqual(["docs-1", "docs-2"]);
});

test("a layout goes from a node that was away when the one before it was to go", async () => {
  const [first, second] = ["docs@20260101-000000-test", "docs@20260102-000000-test"];
  const { control, aliases, collections } = names(["docs", first, second]);
  aliases.set("an application's own", first);
  const access = { state: memoryState(new MemoryState(), new EventClock()), nodes: { ofTable: () => ({ control }) } };
  const made = await world({ a: "serving" });
  const beside = { physical: first, planId: "plan", state: "left" as const };
  const table = { ...made.table(), physical: second, beside };
  await layoutsOf(access as unknown as MigrationAccess).drop("a", table, first);
  expect([collections, Object.fromEntries(aliases)]).toEqual([[second], { docs: second, "an application's own": second }]);
});

test("a node that was away while a layout was dropped is made as the others with its repair, other names and all", async () => {
  const layout = "docs@20260101-000000-test";
  const { control, aliases, collections } = names(["docs", layout, "docs@20250101-000000-test", "docs@mine"]);
  aliases.set("an application's own", "docs");
  const made = await world({ a: "serving" });
  const fields = ["_ragctl_h", "_ragctl_cell", "_ragctl_key"];
  const collectionInfo = () => Promise.resolve({ ...made.table().vector, indexedPayloadFields: fields });
  const state = { ...memoryState(new MemoryState(), new EventClock()), getTable: () => ({ ...made.table(), physical: layout }) };
  const access = { state, nodes: { ofTable: () => ({ id: "a", control: { ...control, collectionInfo } }) } };
  await prepareNode(access as unknown as MigrationAccess, "docs", "a", "http://a");
  expect([collections, Object.fromEntries(aliases)]).toEqual([
    [layout, "docs@mine"],
    { docs: layout, "an application's own": layout },
  ]);
});

test("points with several vectors are not copied to another layout, which would lose the others", async () => {
  const made = await world({ a: "serving" });
  const control = { collectionInfo: () => Promise.resolve({ otherVectors: ["title"] }) };
  const access = { cluster: { store: {} }, nodes: { ofTable: () => ({ control }) } };
  const layouts = layoutsOf(access as unknown as MigrationAccess);
  await expect(layouts.requireCopyable(made.table())).rejects.toMatchObject({ code: "several-vectors", exitCode: 7 });
});
