/**
 * Recall and nodes asked while a collection goes from one model to another, by the order in which its groups move.
 *
 *   node bench/rebalance-order.ts [--rows 6000] [--cells 32] [--nodes 8] [--probes 2] [--seeds 3]
 *
 * The old model was fitted before two thirds of the vectors were replaced by others, the new one to what is there now. While points move, a search asks the owners of
 * the probed cells of both models, and finds what they hold. Means are over the copies that have been made, so that a long step counts for long.
 */
import { parseArgs } from "node:util";
import {
  cellsOf,
  fit,
  partitionerCells,
  readPoints,
  type FitSpec,
  type RowSource,
  type SemanticModel,
} from "../src/kmeans/index.ts";
import { realClock, seededRng } from "../src/runtime.ts";
import { loadHashes } from "../src/sharding/hash.ts";
import { placeCells } from "../src/sharding/plan/place-cells.ts";
import { flattenCentroids, nearestCells } from "../src/sharding/semantic.ts";

const { values } = parseArgs({
  options: {
    rows: { type: "string", default: "6000" },
    cells: { type: "string", default: "32" },
    nodes: { type: "string", default: "8" },
    probes: { type: "string", default: "2" },
    seeds: { type: "string", default: "3" },
  },
});
const [rows, cells, nodes, probes, seeds] = [values.rows, values.cells, values.nodes, values.probes, values.seeds].map(
  Number,
) as [number, number, number, number, number];
const dim = 16;
const k = 10;
const replaced = 0.6;

function clustered(seed: number): Float32Array[] {
  const rng = seededRng(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - rng())) * Math.cos(2 * Math.PI * rng());
  const centres = Array.from({ length: 40 }, () => Array.from({ length: dim }, normal));
  return Array.from({ length: rows }, () => {
    const centre = centres[Math.floor(40 * rng() ** 1.7)]!;
    return Float32Array.from(centre, (value) => value + 0.7 * normal());
  });
}

function sourceOf(vectors: readonly Float32Array[]): RowSource {
  return { path: "bench", rows: vectors.length, dim, rowsOf: async (start, count) => vectors.slice(start, start + count) };
}

async function fitted(vectors: readonly Float32Array[], seed: number): Promise<SemanticModel> {
  const spec: FitSpec = {
    shards: cells,
    algorithm: "lloyd",
    metric: "l2",
    seed,
    epsilon: 0.1,
    restarts: 3,
    sample: "all",
    maxIterations: 100,
    batch: 1000,
  };
  return (await fit(sourceOf(vectors), spec, "file", { clock: realClock })).model;
}

/** What a search would find and ask, were these new cells moved. */
interface State {
  recall: number;
  nodes: number;
}

await loadHashes();
const members = Array.from({ length: nodes }, (_, at) => ({ id: `n${at + 1}` }));
for (let seed = 1; seed <= seeds; seed++) {
  const [was, is] = [clustered(seed), clustered(seed + 100)];
  const now = [...was.slice(0, (1 - replaced) * rows), ...is.slice(0, replaced * rows)];
  const [old, next] = [await fitted(was, seed), await fitted(now, seed + 50)];
  const points = await readPoints(sourceOf(now), "l2", undefined, { clock: realClock, threads: 1 });
  const [{ cell: from }, { cell: to, ratio }] = [await cellsOf(points, old), await cellsOf(points, next)];
  await points.pool.close();
  const sizesOf = (cell: Int32Array) => {
    const sizes = Array.from({ length: cells }, () => 0);
    for (const each of cell) sizes[each]!++;
    return sizes;
  };
  const placing = { members, replicas: 1, hash: "xxh32" as const };
  const oldOwners = placeCells({ ...placing, sizes: sizesOf(from) }).map(([id]) => id!);
  const here = Array.from({ length: cells }, () => new Map<string, number>());
  for (const [row, cell] of to.entries()) {
    const owner = oldOwners[from[row]!]!;
    here[cell]!.set(owner, (here[cell]!.get(owner) ?? 0) + 1);
  }
  const newOwners = placeCells({ ...placing, sizes: sizesOf(to), here }).map(([id]) => id!);
  const [oldCells, newCells] = [old, next].map((model) => flattenCentroids(partitionerCells(model))) as [
    ReturnType<typeof flattenCentroids>,
    ReturnType<typeof flattenCentroids>,
  ];
  const questions = now
    .filter((_, row) => row % 30 === 0)
    .map((query) => {
      const far = now.map((row) => row.reduce((sum, value, d) => sum + (value - query[d]!) ** 2, 0));
      const nearest = [...far.keys()].sort((a, b) => far[a]! - far[b]!).slice(1, k + 1);
      return {
        nearest,
        old: nearestCells(oldCells, "Euclid", query, probes),
        next: nearestCells(newCells, "Euclid", query, probes),
      };
    });
  const stateAt = (moved: ReadonlySet<number>): State => {
    const state: State = { recall: 0, nodes: 0 };
    for (const question of questions) {
      const asked = new Set([
        ...question.old.map((cell) => oldOwners[cell]!),
        ...question.next.filter((cell) => moved.has(cell)).map((cell) => newOwners[cell]!),
      ]);
      const found = question.nearest.filter((row) =>
        asked.has(moved.has(to[row]!) ? newOwners[to[row]!]! : oldOwners[from[row]!]!),
      );
      state.recall += found.length / k / questions.length;
      state.nodes += asked.size / questions.length;
    }
    return state;
  };
  const edge = ratio.toSorted()[Math.floor(ratio.length / 4)]!;
  const groups = [...Map.groupBy(newOwners.keys(), (cell) => newOwners[cell]!).values()].map((group) => {
    const all = [...to.keys()].filter((row) => group.includes(to[row]!));
    const moving = all.filter((row) => oldOwners[from[row]!] !== newOwners[to[row]!]);
    const near = moving.filter((row) => ratio[row]! <= edge).length / Math.max(1, moving.length);
    return { group, copies: moving.length, size: all.length, near };
  });
  const measure = (order: typeof groups) => {
    const moved = new Set<number>();
    const mean: State = { recall: 0, nodes: 0 };
    let least = 1;
    const total = order.reduce((sum, { copies }) => sum + copies, 0);
    for (const { group, copies } of order) {
      const { recall, nodes: asked } = stateAt(moved);
      mean.recall += (recall * copies) / total;
      mean.nodes += (asked * copies) / total;
      least = Math.min(least, recall);
      for (const cell of group) moved.add(cell);
    }
    return `mean recall ${mean.recall.toFixed(4)}, least ${least.toFixed(4)}, ${mean.nodes.toFixed(2)} nodes a search`;
  };
  const by = (of: (group: (typeof groups)[number]) => number) => groups.toSorted((a, b) => of(b) - of(a));
  const [start, end] = [stateAt(new Set()), stateAt(new Set(newOwners.keys()))];
  const copies = groups.reduce((sum, group) => sum + group.copies, 0);
  console.log(
    `seed ${seed}: recall@${k} from ${start.recall.toFixed(4)} to ${end.recall.toFixed(4)}, ${copies} of ${rows} points change nodes, in ${groups.length} groups`,
  );
  console.log(`  boundary points first  ${measure(by(({ near }) => near))}`);
  console.log(`  boundary points last   ${measure(by(({ near }) => -near))}`);
  console.log(`  largest group first    ${measure(by(({ size }) => size))}`);
}
