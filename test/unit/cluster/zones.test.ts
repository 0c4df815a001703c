import { expect, test } from "vitest";
import { records, requestTimeoutMs, world } from "./world.ts";

/** Two zones of two nodes, and one collection: either zone has all of it. */
async function twoZones() {
  const sim = await world({ a: "serving", b: "serving", c: "serving", d: "serving" });
  const zoneOf = { a: "east", b: "west", c: "east", d: "west" };
  const { nodes } = sim.table();
  const zoned = Object.entries(nodes).map(([id, node]) => [id, { ...node, zone: zoneOf[id as keyof typeof zoneOf] }]);
  sim.put({ nodes: Object.fromEntries(zoned) });
  const client = await sim.connect();
  await sim.until(client.upsert("docs", records(30)));
  return { sim, client, search: client.prepareSearch("docs", [1, 1, 0, 0], { k: 5 }) };
}

test("one node of a zone hangs, then the other: whose partners have been asked for all that it has is not waited for", async () => {
  const { sim, client, search } = await twoZones();
  const manyAtOnce = async () => {
    const took = Array.from({ length: 20 }, async () => {
      const beganMs = sim.clock.nowMs();
      const { hits, partial } = await client.search(search);
      expect({ hits: hits.length, partial }).toEqual({ hits: 5, partial: undefined });
      return sim.clock.nowMs() - beganMs;
    });
    return Math.max(...(await sim.until(Promise.all(took))));
  };
  sim.network.nodes.get("a")!.freeze();
  // Until it is slow, which is 40 % of the time; and it was asked at all.
  const first = await manyAtOnce();
  expect(first).toBeGreaterThan(0.3 * requestTimeoutMs);
  expect(first).toBeLessThan(0.6 * requestTimeoutMs);
  await sim.clock.run(2 * requestTimeoutMs);
  expect(await manyAtOnce()).toBeLessThan(50);
  sim.network.nodes.get("c")!.freeze();
  for (let round = 0; round < 5; round++) expect(await manyAtOnce()).toBeLessThan(0.6 * requestTimeoutMs);
});

test("a zone that hangs: as long as it does, no search asks it; when it answers again, traffic returns in steps", async () => {
  const { sim, client, search } = await twoZones();
  for (const id of ["b", "d"]) sim.network.nodes.get(id)!.freeze();

  // Ten searches a second for a minute, whoever waits: which share of each second asked the lost zone?
  const asked = new Map<number, boolean[]>();
  const all: Promise<unknown>[] = [];
  const startMs = sim.clock.nowMs();
  const searchFor = async (seconds: number) => {
    for (let at = 0; at < 10 * seconds; at++) {
      const second = Math.floor((sim.clock.nowMs() - startMs) / 1000);
      const tell = (lost: boolean) => asked.set(second, [...(asked.get(second) ?? []), lost]);
      all.push(
        client.search(search, { timeoutMs: 2_000 }).then(
          ({ requests }) => tell(requests.some(({ node }) => node === "b" || node === "d")),
          () => tell(true),
        ),
      );
      await sim.clock.run(100);
    }
  };
  await searchFor(60);
  for (const id of ["b", "d"]) sim.network.nodes.get(id)!.recover();
  await searchFor(20);
  await sim.until(Promise.all(all));
  const shareIn = (from: number, to: number) => {
    const seconds = [...asked].filter(([second]) => second >= from && second < to).flatMap(([, each]) => each);
    return seconds.filter(Boolean).length / seconds.length;
  };
  expect(shareIn(0, 5)).toBeGreaterThan(0);
  expect(shareIn(5, 60)).toBe(0);
  // Half of all searches, about: either zone answers for everything.
  expect(shareIn(60, 62)).toBeLessThan(0.6);
  expect(shareIn(65, 80)).toBeGreaterThan(0.25);
});
