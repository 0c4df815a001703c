import { describe, expect, test } from "vitest";
import { chooser } from "../../../src/load/feeds/choice.ts";
import { parseBudget } from "../../../src/warming/budget.ts";
import type { RankedQuery } from "../../../src/warming/contract.ts";
import { choose } from "../../../src/warming/plan/choose.ts";
import { leastTimeMs, queriesWithin } from "../../../src/warming/plan/duration.ts";
import { goodTuring } from "../../../src/warming/plan/good-turing.ts";
import { aliveAt, predict } from "../../../src/warming/plan/predict.ts";
import { rank } from "../../../src/warming/plan/rank.ts";
import { spread } from "../../../src/warming/plan/spread.ts";

describe("budgets", () => {
  test.each([
    ["2GiB", { bytes: 2 ** 31 }],
    ["10m", { timeMs: 600_000 }],
    ["90s", { timeMs: 90_000 }],
    ["5000 queries", { queries: 5000 }],
    ["5,000", { queries: 5000 }],
    ["1 query", { queries: 1 }],
  ])("%s", (text, limit) => expect(parseBudget(text)).toEqual(limit));

  test.each(["", "many", "5 apples", "-3", "10 m"])("%j is refused", (text) =>
    expect(() => parseBudget(text)).toThrow("such as 2GiB, 10m or 5000 queries"),
  );
});

describe("Good–Turing", () => {
  test("all chances make one", () => {
    const counts = [9, 5, 3, 2, 2, 1, 1, 1, 1];
    const chances = goodTuring(counts);
    expect(chances.unseen).toBeCloseTo(4 / 25, 12);
    const seen = counts.reduce((sum, count) => sum + chances.of(count), 0);
    expect(seen + chances.unseen).toBeCloseTo(1, 12);
  });

  test("the prosody data of Gale & Sampson", () => {
    // Their worked example: 30,902 draws; N(1) = 120, N(2) = 40, …; they give r*(1) = 0.7628, r*(2) = 1.706, P0 = 0.003883.
    const classes: [number, number][] = [
      [1, 120],
      [2, 40],
      [3, 24],
      [4, 13],
      [5, 15],
      [6, 5],
      [7, 11],
      [8, 2],
      [9, 2],
      [10, 1],
      [12, 3],
      [14, 2],
      [15, 1],
      [16, 1],
      [17, 3],
      [19, 1],
      [20, 3],
      [21, 2],
      [23, 3],
      [24, 3],
      [25, 3],
      [26, 2],
      [27, 2],
      [28, 1],
      [31, 2],
      [32, 2],
      [33, 1],
      [34, 2],
      [36, 2],
      [41, 3],
      [43, 1],
      [45, 3],
      [46, 1],
      [47, 1],
      [50, 1],
      [71, 1],
      [84, 1],
      [101, 1],
      [105, 1],
      [121, 1],
      [124, 1],
      [146, 1],
      [162, 1],
      [193, 1],
      [199, 1],
      [224, 1],
      [226, 1],
      [254, 1],
      [257, 1],
      [339, 1],
      [421, 1],
      [456, 1],
      [481, 1],
      [483, 1],
      [1140, 1],
      [1256, 1],
      [1322, 1],
      [1530, 1],
      [2131, 1],
      [2395, 1],
      [6925, 1],
      [7846, 1],
    ];
    const chances = goodTuring(classes.flatMap(([r, n]) => Array.from({ length: n }, () => r)));
    expect(chances.unseen).toBeCloseTo(0.003883, 6);
    expect(chances.of(1)).toBeCloseTo(2.468e-5, 8);
    expect(chances.of(2)).toBeCloseTo(5.52e-5, 7);
    expect(chances.of(7846)).toBeCloseTo(0.2537, 4);
  });

  test("what is seen once a piece says nothing of what comes", () => {
    expect(goodTuring([1, 1, 1]).unseen).toBe(1);
    expect(goodTuring([1, 1, 1]).of(1)).toBe(0);
    expect(goodTuring([]).unseen).toBe(1);
  });

  test.each([0.7, 1, 1.3])("a Zipf log of exponent %d: closer to the truth than plain shares", (exponent) => {
    const [rows, draws] = [20_000, 20_000];
    const choice = chooser({ kind: "zipf", exponent }, rows, 7);
    const counts = new Map<number, number>();
    for (let at = 0; at < draws; at++) counts.set(choice(at), (counts.get(choice(at)) ?? 0) + 1);
    const weights = Array.from({ length: rows }, (_, row) => (row + 1) ** -exponent);
    const all = weights.reduce((sum, weight) => sum + weight, 0);
    const truth = [...counts.keys()].reduce((sum, row) => sum + weights[row]! / all, 0);
    const chances = goodTuring(counts.values());
    const seen = [...counts.values()].reduce((sum, count) => sum + chances.of(count), 0);
    // Plain shares say 1.
    expect(Math.abs(seen - truth)).toBeLessThan(0.02);
    const rare = [...counts].filter(([, count]) => count <= 3);
    const rareTruth = rare.reduce((sum, [row]) => sum + weights[row]! / all, 0);
    const rareSaid = rare.reduce((sum, [, count]) => sum + chances.of(count), 0);
    const plain = rare.reduce((sum, [, count]) => sum + count / draws, 0);
    expect(Math.abs(rareSaid - rareTruth)).toBeLessThan(0.02);
    expect(Math.abs(rareSaid - rareTruth)).toBeLessThan(Math.abs(plain - rareTruth) / 3);
  });
});

const facts = {
  entryBytes: 1000,
  freeBytes: undefined,
  ttlMs: 1000,
  ttlJitter: 0.1,
  latencyMs: 10,
  ratePerSec: { start: 10, max: 10 },
};
const prices = { tokens: 0, query: 0, tokensPerQuery: 0 };

describe("ranking", () => {
  const chances = { unseen: 0, of: (count: number) => count / 100 };
  const queries = [
    { query: "often, cheap", count: 50, told: { latencyMs: 1, tokens: 100 } },
    { query: "seldom, slow", count: 10, told: { latencyMs: 100, tokens: 10 } },
    { query: "untold", count: 20 },
  ];
  test.each([
    ["hits", ["often, cheap", "untold", "seldom, slow"]],
    ["latency", ["seldom, slow", "untold", "often, cheap"]],
    ["tokens", ["often, cheap", "seldom, slow", "untold"]],
    ["money", ["often, cheap", "seldom, slow", "untold"]],
  ] as const)("by %s", (by, order) => {
    const ranked = rank(queries, chances, { by, facts, prices: { ...prices, tokens: 2 } });
    expect(ranked.map(({ query }) => query)).toEqual(order);
  });

  test("money is that of the tokens and of the call, unless the log tells", () => {
    const priced = rank(
      [
        { query: "a", count: 1, told: { tokens: 500_000 } },
        { query: "b", count: 1, told: { money: 7 } },
      ],
      chances,
      {
        by: "money",
        facts,
        prices: { tokens: 4, query: 1, tokensPerQuery: 0 },
      },
    );
    expect(priced.map(({ query, saving }) => [query, saving.money])).toEqual([
      ["b", 7],
      ["a", 3],
    ]);
  });
});

function ranked(counts: readonly number[]): RankedQuery[] {
  const all = counts.reduce((sum, count) => sum + count, 0);
  return counts.map((count, at) => ({
    query: `q${at}`,
    count,
    probability: count / all,
    saving: { latencyMs: 10, tokens: 0, money: 0 },
    worth: count,
  }));
}

describe("limits of a plan", () => {
  const some = ranked([9, 8, 7, 3, 2, 1]);
  test.each([
    [{}, 6, undefined],
    [{ top: 2 }, 2, "top"],
    [{ top: 10 }, 6, undefined],
    [{ threshold: 3 }, 4, "threshold"],
    [{ threshold: 3, top: 2 }, 2, "top"],
    [{ queries: 5, bytes: 3999 }, 3, "bytes"],
    [{ timeMs: 200 }, 2, "time"],
    [{ bytes: 0 }, 0, "bytes"],
  ] as const)("%j: %d, by %s", (limits, length, limitedBy) => {
    const { chosen, limitedBy: by } = choose(some, limits, facts);
    expect([chosen.length, by]).toEqual([length, limitedBy]);
  });

  test("the cache's free memory, less a tenth; a budget of bytes may evict", () => {
    expect(choose(some, {}, { ...facts, freeBytes: 4000 })).toMatchObject({ chosen: { length: 3 }, limitedBy: "cache" });
    expect(choose(some, {}, { ...facts, freeBytes: -5 })).toMatchObject({ chosen: { length: 0 }, limitedBy: "cache" });
    expect(choose(some, { bytes: 5000 }, { ...facts, freeBytes: 0 })).toMatchObject({
      chosen: { length: 5 },
      limitedBy: "bytes",
    });
  });
});

describe("time", () => {
  test.each([
    [{ start: 10, max: 10 }, 1000, 10],
    [{ start: 100, max: 10 }, 1000, 10],
    // A quarter of a second each at 10, 11.5, 13.2, 15.2 and 17.5/s, then 20/s.
    [{ start: 10, max: 20 }, 2250, 2.5 * (1 + 1.15 + 1.15 ** 2 + 1.15 ** 3 + 1.15 ** 4) + 20],
  ])("%j for %d ms", (rates, timeMs, queries) => {
    expect(queriesWithin(timeMs, rates)).toBe(Math.floor(queries));
    expect(leastTimeMs(queries, rates)).toBeCloseTo(timeMs, 6);
  });
});

describe("prediction", () => {
  const sizes = { trainingReferences: 10_000, heldOutReferences: 2500 };
  test("chances add up, while nothing expires", () => {
    const planned = ranked([6, 3, 1]).slice(0, 2);
    const { hitRate, error, expired, savedPer1000 } = predict(planned, { durationMs: 500, ...sizes }, facts);
    expect(hitRate).toBeCloseTo(0.9, 12);
    expect(expired).toBe(0);
    expect(error).toBeCloseTo(Math.sqrt(0.09 * (1 / 10_000 + 1 / 2500)), 12);
    expect(savedPer1000.latencyMs).toBeCloseTo(9000, 9);
  });

  test("what is stored first expires first", () => {
    // Stored at 1, 2, 3 and 4 s, seen at 4 s; lives 1 s.
    const { hitRate, expired } = predict(ranked([4, 3, 2, 1]), { durationMs: 4000, ...sizes }, { ...facts, ttlJitter: 0 });
    expect(hitRate).toBeCloseTo(0.1, 12);
    expect(expired).toBeCloseTo(0.9, 12);
  });

  test.each([
    [0, 1000, 0.1, 1],
    [900, 1000, 0.1, 1],
    [950, 1000, 0.1, 0.5],
    [1000, 1000, 0.1, 0],
    [999, 1000, 0, 1],
    [1000, 1000, 0, 0],
  ])("of age %d ms with TTL %d ms less up to %d: %d", (age, ttl, jitter, alive) =>
    expect(aliveAt(age, ttl, jitter)).toBeCloseTo(alive, 9),
  );
});

describe("spread", () => {
  test("every stretch has each group's share, to within one", () => {
    const items = Array.from({ length: 64 }, (_, at) => (at < 32 ? "a" : at < 48 ? "b" : "c"));
    const ordered = spread(items, (item) => item);
    for (let end = 1; end <= 64; end++) {
      const first = ordered.slice(0, end);
      for (const [group, share] of [
        ["a", 0.5],
        ["b", 0.25],
        ["c", 0.25],
      ] as const)
        expect(Math.abs(first.filter((item) => item === group).length - end * share)).toBeLessThanOrEqual(1);
    }
  });

  test("nothing is lost, and no further from its rank than a window", () => {
    const items = Array.from({ length: 1000 }, (_, at) => at);
    const ordered = spread(items, (item) => Math.floor(item / 100), 50);
    expect(ordered.toSorted((a, b) => a - b)).toEqual(items);
    expect(ordered.every((item, at) => Math.abs(item - at) < 50)).toBe(true);
  });
});
