import { expect, test } from "vitest";
import { createRouting, pointIdOf } from "../../../src/sharding/index.ts";
import { records, world, type World } from "./world.ts";

const three = { a: "serving", b: "serving", c: "serving" } as const;
const keys = records(30).map(({ key }) => key);

async function filled() {
  const sim = await world(three);
  const client = await sim.connect();
  expect((await sim.until(client.upsert("docs", records(30)))).failed).toEqual([]);
  return { sim, client };
}
/** Nodes that own a key, the primary first; and those that do not. */
function ownersOf(sim: World, key: string) {
  const { setAt, stamper, nodeIds } = createRouting(sim.table());
  const owners = setAt(stamper.stamp(key).position).owners.map((node) => nodeIds[node]!);
  return { owners, others: nodeIds.filter((node) => !owners.includes(node)) };
}
const copiesOn = (sim: World, node: string) => sim.network.nodes.get(node)!.points("docs");

test("what all serving owners have with one version is agreed; what one of them lacks is not, whichever it is", async () => {
  const { sim, client } = await filled();
  const [first, second] = [keys[3]!, keys[8]!];
  copiesOn(sim, ownersOf(sim, first).owners[0]!).delete(pointIdOf(first));
  copiesOn(sim, ownersOf(sim, second).owners[1]!).delete(pointIdOf(second));
  const found = await sim.until(client.fetch("docs", [...keys, "none"], { everyOwner: true }));
  expect(found.map(({ key }) => key)).toEqual(keys);
  expect(found.filter(({ agreed }) => agreed === false).map(({ key }) => key)).toEqual([first, second]);
  expect(found.filter(({ agreed }) => agreed === true)).toHaveLength(28);
  expect((await sim.until(client.fetch("docs", [first, second], {}))).every((record) => !("agreed" in record))).toBe(true);

  await sim.until(
    client.upsert(
      "docs",
      records(30).filter(({ key }) => key === first || key === second),
    ),
  );
  expect((await sim.until(client.fetch("docs", keys, { everyOwner: true }))).every(({ agreed }) => agreed)).toBe(true);
});

test("two versions are not agreed, and the higher one is what is given; a leftover elsewhere does not matter", async () => {
  const { sim, client } = await filled();
  const [old, moved] = [keys[4]!, keys[5]!];
  const owner = copiesOn(sim, ownersOf(sim, old).owners[1]!);
  const point = owner.get(pointIdOf(old))!;
  const version = point.payload!["_ragctl_v"] as number;
  owner.set(pointIdOf(old), { ...point, payload: { ...point.payload, _ragctl_v: version - 1, n: -1 } });
  const { owners, others } = ownersOf(sim, moved);
  const copy = copiesOn(sim, owners[0]!).get(pointIdOf(moved))!;
  copiesOn(sim, others[0]!).set(pointIdOf(moved), { ...copy, payload: { ...copy.payload, _ragctl_v: 1 } });
  const found = await sim.until(client.fetch("docs", [old, moved], { everyOwner: true }));
  expect(found.map(({ key, agreed, version: v, payload }) => [key, agreed, v, payload["n"]])).toEqual([
    [old, false, version, 4],
    [moved, true, copy.payload!["_ragctl_v"], 5],
  ]);
});

test("an owner that does not answer agrees to nothing; a stale one is not asked", async () => {
  const { sim, client } = await filled();
  const down = sim.network.nodes.get("b")!;
  down.crash();
  const found = await sim.until(client.fetch("docs", keys, { everyOwner: true }));
  for (const { key, agreed } of found) expect([key, agreed]).toEqual([key, !ownersOf(sim, key).owners.includes("b")]);
  const { nodes } = sim.table();
  sim.put({ nodes: { ...nodes, b: { ...nodes["b"]!, state: "stale" } } });
  await sim.clock.run(6_000);
  expect((await sim.until(client.fetch("docs", keys, { everyOwner: true }))).every(({ agreed }) => agreed)).toBe(true);
});
