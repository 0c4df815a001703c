import { expect, test } from "vitest";
import type { MoverDeps } from "../../../src/migration/contract.ts";
import { repairFindings } from "../../../src/migration/verify-repair.ts";
import { verifyCollection } from "../../../src/migration/verify.ts";
import { seededRng } from "../../../src/runtime.ts";
import { createRouting, loadHashes, pointIdOf, type RoutingTable } from "../../../src/sharding/index.ts";
import { stampPayload } from "../../../src/sharding/keys.ts";
import { physicalOf } from "../../../src/sharding/table.ts";
import type { DataFace } from "../../../src/stores/contract.ts";
import { collection, ringTable, SimCluster } from "./sim-cluster.ts";

await loadHashes();

const centroids = [0, 1, 2, 3].map((cell) => [0, 1, 2, 3].map((d) => (d === cell ? 1 : 0)));
/** Cell c is on node c and the next. */
const table: RoutingTable = {
  ...ringTable(["n0", "n1", "n2", "n3"], 2, []),
  partitioner: {
    kind: "semantic",
    hash: "xxh32",
    modelId: "aaaaaaaa0001",
    centroids,
    owners: centroids.map((_, cell) => [`n${cell}`, `n${(cell + 1) % 4}`]),
  },
};
const key = "a key";
const id = pointIdOf(key);

/** A cluster in which each of these nodes holds that version of the key, in that cell. */
function clusterOf(copies: readonly [node: string, cell: number, version: number][], of: RoutingTable = table) {
  const sim = new SimCluster(of, seededRng(1));
  const { stamper } = createRouting(of);
  const put = (node: string, cell: number, version: number) => {
    const vector = centroids[cell]!;
    const payload = stampPayload(key, stamper.stamp(key, vector), version);
    sim.network.nodes.get(node)!.points(physicalOf(of)).set(id, { id, vector, payload });
  };
  for (const copy of copies) put(...copy);
  const deps = (): MoverDeps =>
    sim.mover("v", { fence: { ensure: () => undefined, leaveUnclean: () => undefined }, unclean: false }, sim.state("v"));
  const held = () =>
    [...sim.network.nodes.values()].flatMap((node) => {
      const version = node.points(collection).get(id)?.payload?.["_ragctl_v"] as number | undefined;
      return version === undefined ? [] : [`${node.id} ${version}`];
    });
  const ended = async <T>(work: Promise<T>): Promise<T> => {
    const state = { done: false };
    void work.finally(() => (state.done = true)).catch(() => undefined);
    while (!state.done) await sim.clock.run(100);
    return await work;
  };
  return { sim, deps, put, held, ended };
}

test.each([
  ["by cells", table, ["n0 7", "n1 7"]],
  [
    "with copies near boundaries",
    { ...table, spill: { ratio: 1.1, field: "_ragctl_spill", phase: "on" as const } },
    ["n0 7", "n1 7"],
  ],
])("what a writer left where the key's older vector belongs is found and taken away (%s)", async (_, of, whole) => {
  // It died once the new owners had the key, and before the old ones had been told.
  const { deps, held, ended } = clusterOf(
    [
      ["n0", 0, 7],
      ["n1", 0, 7],
      ["n2", 2, 5],
      ["n3", 2, 5],
    ],
    of,
  );
  const { findings, result } = await ended(verifyCollection(deps()));
  expect(result).toMatchObject({ clean: false, missing: 0, orphaned: 1, different: 0 });
  expect(await ended(repairFindings(deps(), findings))).toEqual({ copied: 0, deleted: 2 });
  expect(held()).toEqual(whole);
  expect((await ended(verifyCollection(deps()))).result.clean).toBe(true);
});

test("what a node that is joining holds is looked at by what the nodes call the collection", async () => {
  const { nodes } = ringTable(["n0", "n1", "n2", "n3"], 2, ["n4"]);
  const { deps, ended } = clusterOf(
    [
      ["n0", 0, 7],
      ["n1", 0, 7],
      ["n4", 0, 5],
    ],
    { ...table, nodes, physical: "docs@20260101-000000-test" },
  );
  const { result } = await ended(verifyCollection(deps()));
  expect(result).toMatchObject({ clean: false, orphaned: 1 });
});

test("an orphan that became the point itself, by a write at that moment, stays", async () => {
  const { sim, deps, put, held, ended } = clusterOf([
    ["n0", 0, 7],
    ["n1", 0, 7],
    ["n2", 0, 6],
  ]);
  const { findings, result } = await ended(verifyCollection(deps()));
  expect(result).toMatchObject({ clean: false, orphaned: 1 });
  // Between the look and the delete a client writes a vector of cell 2: on n2 and n3, and nowhere else.
  sim.tamperFace = (face): DataFace => ({
    ...face,
    prepareDelete(target, options) {
      put("n2", 2, 8);
      put("n3", 2, 8);
      return face.prepareDelete(target, options);
    },
  });
  await ended(repairFindings(deps(), findings));
  expect(held()).toEqual(expect.arrayContaining(["n2 8", "n3 8"]));
});
