import { expect, test } from "vitest";
import { records, world } from "./world.ts";

/**
 * Open loop against three nodes that serve one request after the other, two of them a search. What each search became, by the
 * second in which it was due.
 */
async function load(options: { ratePerSec: number; serviceMs: (second: number) => number; seconds: number }) {
  const sim = await world({ a: "serving", b: "serving", c: "serving" });
  const client = await sim.connect();
  await sim.until(client.upsert("docs", records(30)));
  const search = client.prepareSearch("docs", [1, 1, 0, 0], { k: 5 });
  const ok = Array.from({ length: options.seconds }, () => 0);
  let requests = 0;
  const all: Promise<void>[] = [];
  for (let ms = 0, due = 0; ms < options.seconds * 1000; ms += 10) {
    const second = Math.floor(ms / 1000);
    for (const node of sim.network.nodes.values()) node.serviceMs = options.serviceMs(second);
    for (due += options.ratePerSec / 100; due >= 1; due--)
      all.push(
        client.search(search).then(
          (result) => {
            requests += result.requests.length;
            if (!result.partial) ok[second]!++;
          },
          () => undefined,
        ),
      );
    await sim.clock.run(10);
  }
  await sim.until(Promise.all(all));
  return { ok, breakers: client.nodeStates().map(({ breaker }) => breaker), requestsPerSearch: requests / all.length };
}

test("nodes that are five times slower for a second, and well again: so are the searches, with no failure after it", async () => {
  const { ok, requestsPerSearch } = await load({ ratePerSec: 300, serviceMs: (second) => (second === 2 ? 15 : 3), seconds: 7 });
  expect(ok.slice(0, 2)).toEqual([300, 300]);
  expect(ok.slice(4)).toEqual([300, 300, 300]);
  // Those that came too late must not be asked for again and again.
  expect(requestsPerSearch).toBeLessThan(2.2);
});

test("more than the nodes can do: about as much as they can is answered, for as long as it lasts", async () => {
  // Three nodes of 333 requests a second make 500 searches a second.
  const { ok } = await load({ ratePerSec: 700, serviceMs: () => 3, seconds: 8 });
  for (const each of ok.slice(1)) expect(each).toBeGreaterThan(300);
});
