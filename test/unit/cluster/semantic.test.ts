import { expect, test } from "vitest";
import { createRouting, field, pointIdOf, type SemanticSpec } from "../../../src/sharding/index.ts";
import { world, type World } from "./world.ts";

const four = { a: "serving", b: "serving", c: "serving", d: "serving" } as const;
const axis = (cell: number) => Array.from({ length: 4 }, (_, d) => (d === cell ? 1 : 0.01 * d));
const partitioner = (probes?: number): SemanticSpec => ({
  kind: "semantic",
  hash: "xxh32",
  modelId: "m",
  centroids: [0, 1, 2, 3].map(axis),
  ...(probes === undefined ? {} : { probes }),
});

function ownersOfCell(sim: World, cell: number): string[] {
  const { setAt, nodeIds } = createRouting(sim.table());
  return setAt(cell).read.map((index) => nodeIds[index]!);
}
const holders = (sim: World, key: string) =>
  [...sim.network.nodes.values()].filter((node) => node.points("docs").has(pointIdOf(key))).map(({ id }) => id);

async function filled(probes?: number) {
  const sim = await world(four, { table: { partitioner: partitioner(probes) } });
  const client = await sim.connect();
  const records = Array.from({ length: 20 }, (_, i) => ({ key: `key ${i}`, vector: axis(i % 4), payload: { cell: i % 4 } }));
  expect((await sim.until(client.upsert("docs", records))).failed).toEqual([]);
  return { sim, client };
}

test.each([0, 1, 2, 3])("one probe: a search near centroid %i asks one owner of its cell and nobody else", async (cell) => {
  const { sim, client } = await filled(1);
  const owners = ownersOfCell(sim, cell);
  for (let i = 0; i < 20; i++) {
    const { hits, requests, partial } = await sim.until(
      client.search(client.prepareSearch("docs", axis(cell), { k: 5, withPayload: true })),
    );
    expect(requests).toHaveLength(1);
    expect(owners).toContain(requests[0]!.node);
    expect([hits.length, partial]).toEqual([5, undefined]);
    for (const { payload } of hits) expect([payload!["cell"], payload![field.cell]]).toEqual([cell, cell]);
  }
  // An owner that is down is replaced by the other; with both, all of what was probed is missing.
  sim.network.nodes.get(owners[0]!)!.crash();
  const search = client.prepareSearch("docs", axis(cell), { k: 5 });
  for (let i = 0; i < 5; i++) expect((await sim.until(client.search(search))).hits).toHaveLength(5);
  sim.network.nodes.get(owners[1]!)!.crash();
  await expect(sim.until(client.search(search))).rejects.toMatchObject({ code: "cluster-unreachable" });
});

test("a search stays within the probed cells, whatever else the node that is asked holds; an exact one is of all", async () => {
  const { sim, client } = await filled(1);
  for (const cell of [0, 1, 2, 3]) {
    const search = client.prepareSearch("docs", axis(cell), { k: 20, withPayload: true });
    // Asked again, it is the same whichever replica answers; a filter of the caller's holds besides.
    for (let i = 0; i < 4; i++) {
      const { hits } = await sim.until(client.search(search));
      expect(hits.map(({ payload }) => payload!["cell"])).toEqual([cell, cell, cell, cell, cell]);
    }
    const filter = { must: [{ key: "cell", match: { value: (cell + 1) % 4 } }] };
    expect((await sim.until(client.search(client.prepareSearch("docs", axis(cell), { k: 20, filter })))).hits).toEqual([]);
    const exact = client.prepareSearch("docs", axis(cell), { k: 20, exact: true });
    expect((await sim.until(client.search(exact))).hits).toHaveLength(20);
  }
});

test("three probes of four, all answered: nothing is missing, though thirds do not quite add up to one", async () => {
  for (const probes of [2, 3]) {
    const { sim, client } = await filled(probes);
    for (let cell = 0; cell < 4; cell++)
      expect((await sim.until(client.search(client.prepareSearch("docs", axis(cell), { k: 3 })))).partial).toBeUndefined();
  }
});

test("two probes with one of the cells out of reach: half is missing, and said to be", async () => {
  const { sim, client } = await filled(2);
  const routing = createRouting(sim.table());
  const vector = [1, 0.9, 0, 0];
  const cells = routing.stamper.cellsOf(vector, 2);
  expect(new Set(cells)).toEqual(new Set([0, 1]));
  const down = ownersOfCell(sim, cells[0]!);
  const left = ownersOfCell(sim, cells[1]!).filter((id) => !down.includes(id));
  for (const id of down) sim.network.nodes.get(id)!.crash();
  const result = await sim.until(client.search(client.prepareSearch("docs", vector, { k: 10 })).catch((error) => error));
  if (left.length === 0) expect(result).toMatchObject({ code: "cluster-unreachable" });
  else expect(result.partial.missingShare).toBeCloseTo(0.5, 12);
});

test("a new vector takes a key to other nodes, and leaves nothing behind; a delete finds it wherever it is", async () => {
  const { sim, client } = await filled();
  for (const cell of [1, 3, 0, 2]) {
    await sim.until(client.upsert("docs", [{ key: "key 0", vector: axis(cell) }]));
    expect(holders(sim, "key 0").toSorted()).toEqual(ownersOfCell(sim, cell).toSorted());
    expect((await sim.until(client.fetch("docs", ["key 0"], { withVector: true })))[0]!.vector).toEqual(axis(cell));
  }
  expect(await sim.until(client.count("docs"))).toBe(20);
  await sim.until(client.delete("docs", ["key 0"]));
  expect(holders(sim, "key 0")).toEqual([]);
});

test("without a number of probes a search misses nothing", async () => {
  const { sim, client } = await filled();
  const { hits } = await sim.until(client.search(client.prepareSearch("docs", axis(2), { k: 20 })));
  expect(hits).toHaveLength(20);
});
