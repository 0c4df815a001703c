import { expect, test } from "vitest";
import { records, world } from "./world.ts";

test("a zone that hangs: while breakers try its nodes again, they get their step of the searches and not one more", async () => {
  const sim = await world({ a: "serving", b: "serving", c: "serving", d: "serving" });
  const zoneOf = { a: "east", b: "west", c: "east", d: "west" };
  const { nodes } = sim.table();
  const zoned = Object.entries(nodes).map(([id, node]) => [id, { ...node, zone: zoneOf[id as keyof typeof zoneOf] }]);
  sim.put({ nodes: Object.fromEntries(zoned) });
  const client = await sim.connect();
  await sim.until(client.upsert("docs", records(30)));
  const search = client.prepareSearch("docs", [1, 1, 0, 0], { k: 5 });
  for (const id of ["b", "d"]) sim.network.nodes.get(id)!.freeze();

  // Ten searches a second for a minute, whoever waits: how many of each second asked the lost zone?
  const asked = new Map<number, boolean[]>();
  const all: Promise<unknown>[] = [];
  const startMs = sim.clock.nowMs();
  for (let at = 0; at < 600; at++) {
    const second = Math.floor((sim.clock.nowMs() - startMs) / 1000);
    all.push(
      client.search(search, { timeoutMs: 2_000 }).then(
        ({ requests }) =>
          asked.set(second, [...(asked.get(second) ?? []), requests.some(({ node }) => node === "b" || node === "d")]),
        () => asked.set(second, [...(asked.get(second) ?? []), true]),
      ),
    );
    await sim.clock.run(100);
  }
  await sim.until(Promise.all(all));
  const later = [...asked].filter(([second]) => second >= 10);
  const shares = later.map(([, each]) => each.filter(Boolean).length / each.length);
  expect(later.length).toBeGreaterThan(40);
  // They are tried again now and then, by a tenth of the searches each: four of ten in one second is chance already.
  expect(Math.max(...shares)).toBeGreaterThan(0);
  expect(Math.max(...shares)).toBeLessThanOrEqual(0.6);
  expect(shares.reduce((sum, share) => sum + share, 0) / shares.length).toBeLessThan(0.1);
});
