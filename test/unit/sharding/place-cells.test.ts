import { beforeAll, describe, expect, test } from "vitest";
import { seededRng, type Rng } from "../../../src/runtime.ts";
import { createPlacement, loadHashes, type Member } from "../../../src/sharding/index.ts";
import { cellPressure, defaultTolerance, placeCells, type CellPlacing } from "../../../src/sharding/plan/place-cells.ts";

beforeAll(loadHashes);

const nodes = (count: number): Member[] => Array.from({ length: count }, (_, i) => ({ id: `n${i}` }));
const place = (placing: Partial<CellPlacing> & Pick<CellPlacing, "members" | "sizes">) =>
  placeCells({ replicas: 1, hash: "xxh32", ...placing });
const pressure = (owners: string[][], placing: Partial<CellPlacing> & Pick<CellPlacing, "members" | "sizes">) =>
  cellPressure(owners, { replicas: 1, hash: "xxh32", ...placing });
/** Points that change nodes. */
const moved = (was: readonly (readonly string[])[], is: readonly (readonly string[])[], sizes: readonly number[]) =>
  is.reduce((sum, owners, cell) => sum + sizes[cell]! * owners.filter((id) => !was[cell]!.includes(id)).length, 0);

describe("from nothing", () => {
  test.each([
    ["equal cells, one each", 4, 1, [10, 10, 10, 10], 1],
    ["the largest first", 2, 1, [7, 6, 5, 4, 2], 1],
    ["where the greedy alone ends at 7 to 5, an exchange does better", 2, 1, [3, 3, 2, 2, 2], 1],
    ["one cell is more than a node's part", 3, 1, [60, 10, 10, 10, 10], 1.8],
    ["two replicas", 3, 2, [30, 20, 10], 1.25],
    ["empty ones are spread", 3, 1, [0, 0, 0], 0],
  ])("%s", (_, count, replicas, sizes, worst) => {
    const placing = { members: nodes(count), replicas, sizes };
    const owners = place(placing);
    expect(pressure(owners, placing)).toBeCloseTo(worst, 9);
    expect(owners.every((ids) => new Set(ids).size === replicas)).toBe(true);
    if (sizes.every((size) => size === 0)) expect(new Set(owners.flat()).size).toBe(count);
  });

  test("who shares one cell shares few others: a lost node's work falls to more than one", () => {
    const owners = place({ members: nodes(4), replicas: 2, sizes: Array.from({ length: 24 }, (_, cell) => 10 + (cell % 5)) });
    for (const lost of ["n0", "n1", "n2", "n3"]) {
      const heirs = owners.filter((ids) => ids.includes(lost)).map((ids) => ids.find((id) => id !== lost));
      expect(new Set(heirs).size, lost).toBeGreaterThan(1);
    }
  });

  test("weights: a node of twice the weight bears twice as much", () => {
    const members = [{ id: "a", weight: 2 }, { id: "b" }, { id: "c" }];
    const owners = place({ members, sizes: Array.from({ length: 16 }, () => 1) });
    expect(["a", "b", "c"].map((id) => owners.flat().filter((each) => each === id).length)).toEqual([8, 4, 4]);
  });

  test("heat is evened out beside the sizes", () => {
    const placing = { members: nodes(2), sizes: [10, 10, 10, 10], heat: [9, 9, 1, 1] };
    const owners = place(placing);
    expect(owners[0]).not.toEqual(owners[1]);
    expect(pressure(owners, placing)).toBeCloseTo(1, 9);
  });

  test("twelve cells of clusters on four nodes: even, where hashes gave the fullest one more than half again", () => {
    const hashed = byHash(12, nodes(4), 1);
    const sizes = hashed.map(([id], cell) => (id === "n0" ? 300 : 100) + cell);
    const placing = { members: nodes(4), sizes };
    expect(pressure(hashed, placing)).toBeGreaterThan(1.5);
    expect(pressure(place(placing), placing)).toBeLessThan(1.1);
  });
});

function byHash(cells: number, members: readonly Member[], replicas: number): string[][] {
  const centroids = Array.from({ length: cells }, (_, i) => [i, 1]);
  const placement = createPlacement({
    partitioner: { kind: "semantic", hash: "xxh32", modelId: "m", centroids },
    members,
    replicas,
  });
  return centroids.map((_, cell) => placement.ownersOfHash(cell).slice());
}

describe("from what is there", () => {
  const sizes = Array.from({ length: 12 }, (_, cell) => 10 + (cell % 3));

  test("within the tolerance nothing moves", () => {
    const members = nodes(4);
    const now = place({ members, sizes });
    expect(place({ members, sizes: sizes.map((size) => size * 1.03), now })).toEqual(now);
  });

  test("one node more: it gets its part, from all, and nothing else moves", () => {
    const now = place({ members: nodes(3), sizes });
    const owners = place({ members: nodes(4), sizes, now });
    const changed = owners.filter((ids, cell) => ids[0] !== now[cell]![0]);
    expect(changed.every(([id]) => id === "n3")).toBe(true);
    expect(pressure(owners, { members: nodes(4), sizes })).toBeLessThanOrEqual(1.1);
  });

  test("one node more of many gets its part although all are within the tolerance without it", () => {
    const many = Array.from({ length: 400 }, () => 1);
    const now = place({ members: nodes(20), sizes: many });
    const owners = place({ members: nodes(21), sizes: many, now });
    const got = owners.filter(([id]) => id === "n20").length;
    expect(got).toBeGreaterThanOrEqual(17);
    expect(got).toBeLessThanOrEqual(20);
    expect(moved(now, owners, many)).toBe(got);
  });

  test("a node that goes: its cells alone move, each into the place that it leaves", () => {
    const members = nodes(4);
    const now = place({ members, replicas: 2, sizes });
    const left = members.filter(({ id }) => id !== "n2");
    const owners = place({ members: left, replicas: 2, sizes, now, tolerance: 0.4 });
    for (const [cell, ids] of owners.entries())
      if (!now[cell]!.includes("n2")) expect(ids).toEqual(now[cell]);
      else expect(ids[1 - now[cell]!.indexOf("n2")]).toBe(now[cell]!.find((id) => id !== "n2"));
  });

  test("a node that must not be written to gets nothing, and keeps what it has", () => {
    const now = place({ members: nodes(3), sizes });
    const owners = place({ members: nodes(4), sizes, now, closed: new Set(["n3", "n1"]) });
    expect(owners.flat()).not.toContain("n3");
    for (const [cell, [id]] of now.entries()) if (id === "n1") expect(owners[cell]).toEqual(["n1"]);
  });

  test("a cell that is hot by itself drives away what it may, and what hardly helps stays", () => {
    const even = Array.from({ length: 12 }, () => 10);
    const now = even.map((_, cell) => [`n${cell % 4}`]);
    const heat = even.map((_, cell) => (cell === 0 ? 100 : cell === 4 ? 60 : 1));
    const owners = place({ members: nodes(4), sizes: even, heat, now });
    const changed = owners.flatMap(([id], cell) => (id === now[cell]![0] ? [] : [cell]));
    expect(changed).toContain(4);
    expect(changed.length).toBeLessThanOrEqual(2);
  });

  test("from other cells: each begins where most of it is", () => {
    const here = sizes.map(
      (size, cell) =>
        new Map([
          [`n${cell % 4}`, size * 0.9],
          [`n${(cell + 1) % 4}`, size * 0.1],
        ]),
    );
    expect(place({ members: nodes(4), sizes, here })).toEqual(sizes.map((_, cell) => [`n${cell % 4}`]));
  });
});

describe("whatever comes", () => {
  const seed = 20_261_120;
  const scenario = (rng: Rng) => {
    const count = 2 + Math.floor(rng() * 6);
    const zoned = rng() < 0.4;
    const members = Array.from({ length: count }, (_, i): Member => ({
      id: `n${i}`,
      weight: rng() < 0.2 ? 0.5 + rng() : 1,
      ...(zoned && { zone: `z${i % 3}` }),
    }));
    const cells = 1 + Math.floor(rng() * 60);
    const sizes = Array.from({ length: cells }, () => Math.floor(1000 * rng() ** 3));
    return {
      members,
      replicas: 1 + Math.floor(rng() * Math.min(3, count)),
      hash: "xxh32" as const,
      sizes,
      ...(rng() < 0.4 && { heat: sizes.map(() => rng() ** 4) }),
    } satisfies CellPlacing;
  };

  test("replicas stand on distinct nodes, and on as many zones as there are; no less even than hashes; the same every time", () => {
    const rng = seededRng(seed);
    for (let round = 0; round < 150; round++) {
      const placing = scenario(rng);
      const { members, replicas, sizes } = placing;
      const context = `seed ${seed}, round ${round}`;
      const owners = placeCells(placing);
      expect(placeCells(placing), context).toEqual(owners);
      const zones = new Map(members.map(({ id, zone }) => [id, zone ?? id]));
      const most = Math.min(replicas, new Set(zones.values()).size);
      for (const ids of owners) {
        expect(new Set(ids).size, context).toBe(replicas);
        expect(new Set(ids.map((id) => zones.get(id))).size, context).toBe(most);
      }
      const hashed = byHash(sizes.length, members, replicas);
      expect(cellPressure(owners, placing), context).toBeLessThanOrEqual(
        Math.max(1 + defaultTolerance, cellPressure(hashed, placing)) + 1e-6,
      );
    }
  });

  test("with what is there, no more moves than its unevenness needs, but for one cell a node", () => {
    const rng = seededRng(seed + 1);
    for (let round = 0; round < 150; round++) {
      const { heat: _unknown, ...placing } = { heat: undefined, ...scenario(rng) };
      const sizes = placing.sizes.map((size) => size + 1);
      const now = placeCells({ ...placing, sizes });
      // What the cells hold changes a little, and then one node comes.
      const grown = sizes.map((size) => Math.ceil(size * (0.8 + 0.4 * rng())));
      const members = [...placing.members, { id: "new", ...(placing.members[0]!.zone !== undefined && { zone: "z0" }) }];
      const after = { ...placing, members, sizes: grown, now };
      const context = `seed ${seed + 1}, round ${round}`;
      const owners = placeCells(after);
      const before = cellPressure(now, after);
      expect(cellPressure(owners, after), context).toBeLessThanOrEqual(Math.max(before, 1 + defaultTolerance) + 1e-6);
      const total = grown.reduce((sum, size) => sum + size, 0) * placing.replicas;
      const weight = members.reduce((sum, member: Member) => sum + (member.weight ?? 1), 0);
      const excess = members.reduce((sum, { id, weight: own = 1 }: Member) => {
        const borne = now.reduce((all, ids, cell) => all + (ids.includes(id) ? grown[cell]! : 0), 0);
        return sum + Math.max(0, borne - (total * own) / weight);
      }, 0);
      const largest = Math.max(...grown);
      expect(moved(now, owners, grown), context).toBeLessThanOrEqual(excess + 2 * largest * members.length);
    }
  });
});
