import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test, vi } from "vitest";
import {
  addRecall,
  cachedTruth,
  emptyTally,
  estimateRecall,
  exactNeighbors,
  mergeTallies,
  readTruth,
  recallAtK,
  RecallWindows,
  truthFingerprint,
  type TruthKey,
} from "../../../../src/load/recall/index.ts";
import { truthFile } from "../../../../src/load/recall/truth-cache.ts";
import { seededRng } from "../../../../src/runtime.ts";
import type { Distance } from "../../../../src/stores/contract.ts";
import { clusteredVectors } from "../../../helpers/dataset-files.ts";

const dir = mkdtempSync(join(tmpdir(), "ragctl-recall-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("recall@k", () => {
  const truth = { ids: [1, 2, 3, 4], scores: [0.9, 0.8, 0.7, 0.7] };
  const scoresOnly = { scores: truth.scores };
  const hit = (id: number | string, score: number) => ({ id, score });
  test.each<[string, ReturnType<typeof hit>[], typeof scoresOnly, number, Distance, number]>([
    ["all of them", [hit(1, 0.9), hit(2, 0.8), hit(3, 0.7)], truth, 3, "Cosine", 1],
    ["another point at the distance of the k-th", [hit(1, 0.9), hit(2, 0.8), hit(4, 0.7)], truth, 3, "Cosine", 1],
    ["a tie that the truth does not list", [hit(1, 0.9), hit(2, 0.8), hit(77, 0.700_001)], truth, 3, "Cosine", 1],
    ["one is farther", [hit(1, 0.9), hit(2, 0.8), hit(9, 0.69)], truth, 3, "Cosine", 2 / 3],
    ["the same id twice", [hit(1, 0.9), hit(1, 0.9), hit(2, 0.8)], truth, 3, "Cosine", 2 / 3],
    ["wrong ids that claim good scores", [hit(7, 0.9), hit(8, 0.8), hit(9, 0.75)], truth, 3, "Cosine", 0],
    ["numbers that arrive as strings", [hit("1", 0.9), hit("2", 0.8), hit("3", 0.7)], truth, 3, "Cosine", 1],
    ["nothing", [], truth, 3, "Cosine", 0],
    ["more hits than k", [hit(9, 0.1), hit(1, 0.9), hit(2, 0.8), hit(3, 0.7)], truth, 3, "Cosine", 2 / 3],
    ["fewer true neighbours than k", [hit(1, 0.9), hit(2, 0.8), hit(3, 0.7), hit(4, 0.7)], truth, 10, "Cosine", 1],
    ["scores alone", [hit(7, 0.95), hit(8, 0.7), hit(9, 0.69)], scoresOnly, 3, "Dot", 2 / 3],
    ["distances: less is better", [hit(7, 0.7), hit(8, 0.4), hit(9, 0.71)], { scores: [0.5, 0.6, 0.7] }, 3, "Euclid", 2 / 3],
    [
      "distances with ids",
      [hit(1, 0.5), hit(5, 0.7), hit(6, 0.2)],
      { ids: [1, 2, 3], scores: [0.5, 0.6, 0.7] } as never,
      3,
      "Euclid",
      2 / 3,
    ],
    ["no true neighbours", [], { scores: [] }, 3, "Cosine", 1],
  ])("%s", (_, hits, truth, k, distance, expected) => {
    expect(recallAtK(hits, truth, k, distance)).toBeCloseTo(expected, 12);
  });
});

describe("mean and interval", () => {
  const tallyOf = (recalls: readonly number[]) => {
    const tally = emptyTally();
    for (const recall of recalls) addRecall(tally, recall);
    return tally;
  };

  test("by hand, and at the ends", () => {
    expect(estimateRecall(emptyTally())).toBeUndefined();
    expect(estimateRecall(tallyOf([0.5]))).toEqual({ n: 1, mean: 0.5, low: 0, high: 1 });
    // 45 of 50 queries hit as a whole: n* = 0.09 × 50 ÷ (0.09 × 50 ÷ 49) = 49, t(49) = 2.0096, and Wilson's formula.
    const { mean, low, high } = estimateRecall(tallyOf(Array.from({ length: 50 }, (_, i) => (i < 45 ? 1 : 0))))!;
    expect([mean, low, high].map((value) => Number(value.toFixed(3)))).toEqual([0.9, 0.781, 0.958]);
    const perfect = estimateRecall(tallyOf(Array.from({ length: 100 }, () => 1)))!;
    expect([perfect.mean, perfect.high]).toEqual([1, 1]);
    expect(perfect.low).toBeCloseTo(0.962, 3);
    expect(estimateRecall(tallyOf(Array.from({ length: 100 }, () => 0)))!.high).toBeCloseTo(0.038, 3);
  });

  test("19 in 20 intervals hold the truth (seed 5, 1,000 runs of 200 queries of k = 10)", () => {
    const rng = seededRng(5);
    let held = 0;
    let mean = 0;
    for (let run = 0; run < 1000; run++) {
      // Hits of one query depend on each other: an easy query finds all, a hard one seven in ten.
      const tally = tallyOf(
        Array.from({ length: 200 }, () => {
          const chance = rng() < 0.8 ? 0.99 : 0.7;
          return Array.from({ length: 10 }, () => (rng() < chance ? 1 : 0) as number).reduce((sum, hit) => sum + hit) / 10;
        }),
      );
      const truth = 0.8 * 0.99 + 0.2 * 0.7;
      const estimate = estimateRecall(tally)!;
      mean += estimate.mean / 1000;
      if (estimate.low <= truth && truth <= estimate.high) held++;
    }
    expect(mean).toBeCloseTo(0.932, 3);
    expect(held).toBeGreaterThan(930);
    expect(held).toBeLessThan(970);
  });

  test("windows of several workers merge to what one would have counted", () => {
    const rng = seededRng(6);
    const [one, two, all] = [new RecallWindows(1000), new RecallWindows(1000), new RecallWindows(1000)];
    for (let i = 0; i < 500; i++) {
      const [atMs, recall] = [rng() * 5000, Math.floor(rng() * 11) / 10];
      (i % 3 === 0 ? one : two).add(atMs, recall);
      all.add(atMs, recall);
    }
    one.merge(structuredClone(two.list()));
    expect(one.list().map(({ startMs, n }) => [startMs, n])).toEqual(all.list().map(({ startMs, n }) => [startMs, n]));
    expect(one.total().sum).toBeCloseTo(all.total().sum, 9);
    expect(mergeTallies(all.list()).n).toBe(500);
    expect(all.list().map(({ startMs }) => startMs)).toEqual([0, 1000, 2000, 3000, 4000]);
  });
});

describe("exact neighbours", () => {
  const base = clusteredVectors(500, 16, 3);
  const queries = clusteredVectors(7, 16, 4);
  const source = { rows: base.length, rowsOf: async (start: number, count: number) => base.slice(start, start + count) };

  test.each<Distance>(["Cosine", "Dot", "Euclid"])("%s equals sorting everything, in stretches of any size", async (distance) => {
    const dot = (a: Float32Array, b: Float32Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
    const score = (a: Float32Array, b: Float32Array) => {
      if (distance === "Dot") return dot(a, b);
      return distance === "Cosine"
        ? dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
        : Math.hypot(...a.map((value, i) => value - b[i]!));
    };
    const truths = await exactNeighbors(source, queries, { k: 10, distance, stretch: 64 });
    expect(await exactNeighbors(source, queries, { k: 10, distance })).toEqual(truths);
    for (const [q, truth] of truths.entries()) {
      const sorted = base.map((row) => score(queries[q]!, row)).sort((a, b) => (distance === "Euclid" ? a - b : b - a));
      expect(truth.scores).toHaveLength(10);
      truth.scores.forEach((value, i) => expect(value).toBeCloseTo(sorted[i]!, 4));
      expect(
        recallAtK(
          truth.ids.map((id, i) => ({ id, score: truth.scores[i]! })),
          truth,
          10,
          distance,
        ),
      ).toBe(1);
    }
  });

  test("fewer rows than k, names for rows, a zero vector, and an abort", async () => {
    const few = { rows: 2, rowsOf: async () => [new Float32Array(16), base[0]!], idOf: (row: number) => `p${row}` };
    const [truth] = await exactNeighbors(few, [base[0]!], { k: 5, distance: "Cosine" });
    expect(truth!.ids).toEqual(["p1", "p0"]);
    expect(truth!.scores[0]).toBeCloseTo(1, 6);
    expect(truth!.scores[1]).toBe(0);
    await expect(
      exactNeighbors(source, queries, { k: 5, distance: "Dot", signal: AbortSignal.abort(new Error("stop")) }),
    ).rejects.toThrow("stop");
  });
});

describe("the cache of ground truth", () => {
  const key: TruthKey = { collection: { name: "docs", points: 500 }, queries: clusteredVectors(3, 4), k: 10, distance: "Cosine" };
  const truths = [1, 2, 3].map((n) => ({ ids: [n, `uuid-${n}`], scores: [0.1 + 0.2, 1 / 3] }));
  const writer = { pid: 7 };

  test("anything that matters makes another fingerprint, and nothing else does", () => {
    const fingerprint = truthFingerprint(key);
    expect(truthFingerprint({ ...key, collection: { points: 500, name: "docs" } })).toBe(fingerprint);
    const others: TruthKey[] = [
      { ...key, k: 11 },
      { ...key, distance: "Dot" },
      { ...key, filter: "{}" },
      { ...key, collection: { ...key.collection, points: 501 } },
      { ...key, queries: key.queries.slice(1) },
      { ...key, queries: key.queries.with(0, Float32Array.from(key.queries[0]!).with(2, 9)) },
    ];
    expect(new Set([fingerprint, ...others.map(truthFingerprint)]).size).toBe(others.length + 1);
  });

  test("computed once, exact after reading back, nothing left beside it", async () => {
    const cache = join(dir, "once");
    const compute = vi.fn(async () => truths);
    expect(await cachedTruth(cache, key, writer, compute)).toMatchObject({ cached: false, truths });
    expect(await cachedTruth(cache, key, writer, compute)).toMatchObject({ cached: true, truths });
    expect(compute).toHaveBeenCalledTimes(1);
    expect(readdirSync(cache)).toHaveLength(1);
  });

  test.each(["", "{", '{"schemaVersion":1}', '{"schemaVersion":1,"fingerprint":"other","truths":[]}'])(
    "a damaged file (%j) is no truth",
    async (text) => {
      const fingerprint = truthFingerprint(key);
      writeFileSync(truthFile(dir, fingerprint), text);
      expect(await readTruth(dir, fingerprint)).toBeUndefined();
      expect(await cachedTruth(dir, key, writer, async () => truths)).toMatchObject({ cached: false });
      expect(await readTruth(dir, fingerprint)).toEqual(truths);
    },
  );

  test("a cache that cannot be written is said, and costs no run", async () => {
    const blocked = join(dir, "blocked");
    writeFileSync(blocked, "a file where a directory should be");
    const problems: string[] = [];
    const result = await cachedTruth(
      blocked,
      key,
      writer,
      async () => truths,
      (message) => problems.push(message),
    );
    expect(result.truths).toEqual(truths);
    expect(problems).toHaveLength(1);
    // A directory in the place of the file: the rename fails, and what was written beside is cleared away.
    const taken = join(dir, "taken");
    mkdirSync(truthFile(taken, truthFingerprint(key)), { recursive: true });
    await cachedTruth(
      taken,
      key,
      writer,
      async () => truths,
      (message) => problems.push(message),
    );
    expect(problems).toHaveLength(2);
    expect(readdirSync(taken)).toHaveLength(1);
  });
});
