import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { writeVector } from "../../../src/node/distance.ts";
import { VectorSpace, type SpaceConfig } from "../../../src/node/vector-space.ts";
import { seededRng } from "../../../src/runtime.ts";
import { tempDir } from "../../helpers/temp-dir.ts";
import { clusteredVectors } from "../../helpers/vectors.ts";

const size = 64;
const count = 4000;
const k = 10;
const config = (distance: SpaceConfig["distance"]): SpaceConfig => ({ size, distance, m: 16, efConstruct: 128 });
const never = () => false;

function generator(seed: number, distance: SpaceConfig["distance"]): () => Float32Array {
  const next = clusteredVectors({ size, clusters: 40, seed });
  return () => {
    const vector = new Float32Array(size);
    writeVector(next(), size, distance, vector);
    return vector;
  };
}

function filled(distance: SpaceConfig["distance"], next: () => Float32Array): VectorSpace {
  const space = new VectorSpace(config(distance));
  for (let label = 0; label < count; label++) space.put(label, next());
  return space;
}

function labels(space: VectorSpace, query: Float32Array, options: { accept?: (label: number) => boolean; exact?: boolean }) {
  const top = space.search(query, k, options);
  return [...top.labels.subarray(0, top.length)];
}

/** Share of the exact answer that the graph's answer has. */
function recall(space: VectorSpace, queries: Float32Array[], accept?: (label: number) => boolean): number {
  const of = (exact: boolean) => queries.map((query) => labels(space, query, { exact, ...(accept && { accept }) }));
  const [truth, found] = [of(true), of(false)];
  const hits = truth.map((wanted, index) => wanted.filter((label) => found[index]!.includes(label)).length / wanted.length);
  return hits.reduce((sum, hit) => sum + hit, 0) / hits.length;
}

describe.each(["Cosine", "Dot", "Euclid"] as const)("a vector space, %s", (distance) => {
  it("finds what a scan finds: indexed, pending, filtered, overwritten and deleted", () => {
    const seed = 4711;
    const next = generator(seed, distance);
    const space = filled(distance, next);
    const queries = Array.from({ length: 60 }, next);
    expect(space.pending.size).toBe(count);
    expect(recall(space, queries), "pending").toBeGreaterThan(0.98);
    let turns = 0;
    space.index(() => ++turns === count / 2);
    expect(space.pending.size).toBe(count / 2);
    expect(recall(space, queries), "half indexed").toBeGreaterThan(0.98);
    space.index(never);
    expect(recall(space, queries), "indexed").toBeGreaterThan(0.98);
    for (const share of [0.5, 0.05, 0.005]) {
      const accept = (label: number) => (Math.imul(label, 0x9e3779b1) >>> 0) / 2 ** 32 < share;
      for (const query of queries.slice(0, 5)) expect(labels(space, query, { accept }).every(accept)).toBe(true);
      expect(recall(space, queries, accept), `filter ${share}`).toBeGreaterThan(0.98);
    }
    const rng = seededRng(seed);
    const gone = new Set<number>();
    for (let step = 0; step < count / 2; step++) {
      const label = Math.floor(rng() * count);
      if (rng() < 0.3) {
        space.remove(label);
        gone.add(label);
      } else {
        space.put(label, next());
        gone.delete(label);
      }
    }
    space.index(never);
    expect(space.count).toBe(count - gone.size);
    expect(recall(space, queries), `churned, seed ${seed}`).toBeGreaterThan(0.98);
    for (const query of queries) for (const label of labels(space, query, {})) expect(gone.has(label)).toBe(false);
  });
});

it("a saved graph agrees with later vectors: only what changed since is indexed again", () => {
  const next = generator(99, "Cosine");
  const before = filled("Cosine", next);
  before.index(never);
  const path = join(tempDir(), "graph.usearch");
  before.save(path);
  // What happens after the save, and what the database then holds.
  const changed = new Set(Array.from({ length: 50 }, (_, index) => index * 7));
  const deleted = new Set(Array.from({ length: 40 }, (_, index) => 1000 + index));
  const after = new VectorSpace(config("Cosine"));
  for (let label = 0; label < count + 30; label++) {
    if (deleted.has(label)) continue;
    after.load(label, changed.has(label) || label >= count ? next() : before.at(label));
  }
  after.restore(path, (label) => changed.has(label));
  expect(after.pending.size).toBe(changed.size + 30);
  const queries = Array.from({ length: 60 }, next);
  expect(recall(after, queries)).toBeGreaterThan(0.98);
  after.index(never);
  expect(recall(after, queries)).toBeGreaterThan(0.98);
  for (const query of queries) for (const label of labels(after, query, {})) expect(deleted.has(label)).toBe(false);
  // A label that the saved graph knew, and that a new point takes.
  const [label] = deleted;
  after.put(label!, queries[0]!);
  after.index(never);
  expect(labels(after, queries[0]!, {})[0]).toBe(label);
});
