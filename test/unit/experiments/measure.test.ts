import type { ClusterConfig } from "../../../src/config/schema.ts";
import { describe, expect, test } from "vitest";
import { availabilityOf } from "../../../src/experiments/measure/availability.ts";
import { faultFigures, longest } from "../../../src/experiments/measure/faults.ts";
import { failedOverAt, holdsFrom, recoveredAt } from "../../../src/experiments/measure/hold.ts";
import { nodeFigures } from "../../../src/experiments/measure/nodes.ts";
import type { LoadResult } from "../../../src/load/result.ts";
import { cacheSigns } from "../../../src/experiments/measure/cache-signs.ts";
import { detectMs, spansOf } from "../../../src/experiments/measure/react.ts";

/** `..xx..`: a second a character, x where the thresholds do not hold. */
const judged = (text: string) => text.split("").map((each, second) => ({ atMs: second * 1000, ok: each !== "x" }));
/** Seconds of 100 operations, of which so many failed: `0 0 50 0`. */
const seconds = (failed: string) =>
  failed.split(" ").map((count, second) => ({
    atMs: second * 1000,
    lengthMs: 1000,
    scheduled: 100,
    ok: 100 - Number(count),
  }));

describe("availability: share of what was due that was ok", () => {
  test.each([
    ["0 0 0", undefined, undefined, 1, 0],
    ["0 50 0", undefined, undefined, 0.833_333, 50],
    ["0 50 0", 1000, 2000, 0.5, 50],
    ["0 50 0", 2000, undefined, 1, 0],
    ["0 50 0", 9000, undefined, 1, 0],
  ])("%s from %s to %s", (failed, from, to, share, notOk) => {
    const found = availabilityOf(seconds(failed), from, to);
    expect(found.share).toBeCloseTo(share, 5);
    expect(found.notOk).toBe(notOk);
  });
});

describe("holds from a moment on", () => {
  test.each([
    // never broken: from the very moment, also in the middle of a second
    ["......", 2300, 6000, 2300],
    ["..xx..", 2300, 6000, 4000],
    // broken again later: only what stays counts
    ["..x.x.", 2300, 6000, 5000],
    ["..x..x", 2300, 6000, undefined],
    // bad before, good since
    ["xx....", 2300, 6000, 2300],
    // what comes after the end does not count
    ["..x..x", 2300, 5000, 3000],
    // the second in which it happened counts as a whole
    ["..x...", 2999, 6000, 3000],
    ["", 0, 6000, undefined],
    ["...", 5000, 6000, undefined],
  ])("%s from %d until %d", (text, from, until, expected) => expect(holdsFrom(judged(text), from, until)).toBe(expected));
});

describe("recovered from a fault: until the next one, or the end", () => {
  test.each([
    [".xxx......", 1500, [], 10_000, 4000],
    // a second fault breaks it again: the first one was recovered from before it
    [".xx...xx..", 1500, [6500], 10_000, 3000],
    [".xx...xx..", 6500, [], 10_000, 8000],
    // it had not recovered when the next one came
    [".xxxxxxx..", 1500, [4500], 10_000, 8000],
    [".xxxxxxxxx", 1500, [4500], 10_000, undefined],
    ["..........", 1500, [4500], 10_000, 1500],
  ])("%s injected at %d, others at %j", (text, injected, later, end, expected) =>
    expect(recoveredAt(judged(text), injected, later, end, 1000)).toBe(expected),
  );
});

const event = (atMs: number, kind: string, name: string, phase: "start" | "end", detail: object = { client: "a" }) => ({
  atMs,
  kind,
  name,
  phase,
  detail,
});

describe("what clients tell of nodes, as stretches", () => {
  test("starts and ends are paired by kind, node, client and collection; what never ends stays open", () => {
    const spans = spansOf([
      event(900, "breaker", "n1", "end", { client: "b" }),
      event(100, "breaker", "n1", "start"),
      event(200, "breaker", "n1", "start", { client: "b" }),
      event(300, "stale", "n1", "start", { client: "a", collection: "docs" }),
      event(400, "stale", "n1", "start", { client: "a", collection: "more" }),
      event(500, "stale", "n1", "end", { client: "a", collection: "more" }),
      event(600, "fault", "n1", "start"),
      event(700, "breaker", "n2", "end"),
    ]);
    expect(spans.map(({ kind, node, client, fromMs, toMs }) => [kind, node, client, fromMs, toMs])).toEqual([
      ["breaker", "n1", "a", 100, null],
      ["breaker", "n1", "b", 200, 900],
      ["stale", "n1", "a", 300, null],
      ["stale", "n1", "a", 400, 500],
    ]);
  });

  test("a step that is told again ends the one before; hedges keep the count of their end", () => {
    const spans = spansOf([
      event(100, "half-open", "n1", "start", { client: "a", share: 0.1 }),
      event(300, "half-open", "n1", "start", { client: "a", share: 0.5 }),
      event(400, "hedge", "n1", "start"),
      event(500, "hedge", "n1", "end", { client: "a", count: 7 }),
    ]);
    expect(spans.map(({ fromMs, toMs, detail }) => [fromMs, toMs, detail])).toEqual([
      [100, 300, { client: "a", share: 0.1 }],
      [300, null, { client: "a", share: 0.5 }],
      [400, 500, { client: "a", count: 7 }],
    ]);
  });
});

describe("detected", () => {
  const node = (errors: string) =>
    new Map([["n1", seconds(errors).map(({ ok, atMs, lengthMs }) => ({ atMs, lengthMs, requests: 100, errors: 100 - ok }))]]);
  const fault = { injectedMs: 1500, untilMs: 6000, nodes: ["n1"] };
  test.each([
    ["by the first client that knew", [event(2000, "stale", "n1", "start"), event(1800, "breaker", "n1", "start")], "0 0 0", 300],
    ["another node's trouble is none", [event(1800, "breaker", "n2", "start")], "0 0 0", null],
    ["what was before it is none", [event(1400, "breaker", "n1", "start")], "0 0 0", null],
    ["a hedge is no knowledge", [event(1800, "hedge", "n1", "start")], "0 0 0", null],
    ["by requests that failed, to the second", [], "0 0 5 5", 1500],
    ["in its own second", [], "0 5 0", 500],
    ["after it was healed is too late", [], "0 0 0 0 0 0 5", null],
  ] as const)("%s", (_name, events, errors, expected) => expect(detectMs(fault, spansOf(events), node(errors))).toBe(expected));
});

describe("failed over: the thresholds hold although the fault lasts", () => {
  test.each([
    [".xxx......", 1500, 8000, 4000],
    ["..........", 1500, 8000, 1500],
    // not before it was healed
    [".xxxxxxx..", 1500, 8000, undefined],
    // what breaks with the healing is another matter
    [".xx.....x.", 1500, 8000, 3000],
    // a fault shorter than a stretch is judged by the one that began with it
    ["...xx.....", 1500, 2000, 1500],
    [".xxx......", 1500, 2000, undefined],
  ])("%s from %d to %d", (text, injected, healed, expected) =>
    expect(failedOverAt(judged(text), injected, healed, 1000)).toBe(expected),
  );
});

test("a fault's figures, and the longest of several", () => {
  const observed = {
    judged: judged("..xx......"),
    nodeSeconds: new Map(),
    spans: spansOf([event(2600, "breaker", "n1", "start")]),
    endMs: 10_000,
    windowMs: 1000,
  };
  const fault = { nodes: ["n1"], injectedMs: 2200, healedMs: 8000 };
  expect(faultFigures(fault, [fault], observed)).toEqual({ detectMs: 400, failoverMs: 1800, recoverMs: 1800 });
  expect([longest([1, 3, 2]), longest([1, null]), longest([])]).toEqual([3, null, null]);
});

test("what balancer and breakers did, node by node", () => {
  const spans = spansOf([
    event(1000, "breaker", "n1", "start", { client: "a" }),
    event(2000, "breaker", "n1", "end", { client: "a" }),
    event(3000, "breaker", "n1", "start", { client: "a" }),
    event(1000, "breaker", "n1", "start", { client: "b" }),
    event(1500, "breaker", "n1", "end", { client: "b" }),
    event(1000, "stale", "n1", "start", { client: "a", collection: "docs" }),
    event(4000, "stale", "n1", "end", { client: "a", collection: "docs" }),
    event(1000, "hedge", "n1", "start"),
    event(2000, "hedge", "n1", "end", { client: "a", count: 5 }),
  ]);
  const requests = [
    { atMs: 0, requests: { n1: 50, n2: 50 } },
    { atMs: 1000, requests: { n1: 0, n2: 100 } },
    { atMs: 2000, requests: { n1: 25, n2: 75 } },
  ];
  const ranges = { before: [0, 1000], during: [1000, 2000], after: [2000, 5000] } as const;
  const [n1, n2] = nodeFigures(["n1", "n2"], spans, requests, ranges, 5000);
  expect(n1).toEqual({
    node: "n1",
    breakerOpened: 3,
    breakerOpenMs: 3000,
    staleMs: 3000,
    silentMs: 0,
    hedges: 5,
    requestShare: { before: 0.5, during: 0, after: 0.25 },
  });
  expect(n2).toMatchObject({ node: "n2", breakerOpened: 0, requestShare: { before: 0.5, during: 1, after: 0.75 } });
});

describe("signs of a cache in trouble", () => {
  const cluster = {
    nodes: [
      { id: "n1", zone: "a" },
      { id: "n2", zone: "b" },
    ],
    cache: { driver: "redis", url: "redis://all:1", zones: { b: { url: "redis://b:2" } } },
  } as unknown as ClusterConfig;
  const counts = (completed: number, errors: number) => ({ completed, errors });
  const load = {
    perScenario: [
      { name: "ask", operation: "cache" },
      { name: "find", operation: "search" },
    ],
    windows: [
      { second: 0, seconds: 1, perScenario: { ask: { counts: counts(10, 0) }, find: { counts: counts(9, 9) } } },
      { second: 1, seconds: 1, perScenario: { ask: { counts: counts(12, 5) } } },
      { second: 2, seconds: 1, perScenario: { find: { counts: counts(1, 1) } } },
    ],
    events: [
      { atMs: 700, kind: "memory-only", name: "redis://b:2", phase: "start" },
      { atMs: 800, kind: "memory-only", name: "redis://elsewhere:3", phase: "start" },
      { atMs: 900, kind: "breaker", name: "n1", phase: "start" },
    ],
  } as unknown as LoadResult;

  test("servers by the id of their cache; seconds of what asks a cache, and of nothing else", () => {
    const { events, seconds } = cacheSigns(cluster, load);
    expect(events).toEqual([{ atMs: 700, kind: "memory-only", name: "cache-b", phase: "start" }]);
    const asked = [
      { atMs: 0, lengthMs: 1000, requests: 10, errors: 0 },
      { atMs: 1000, lengthMs: 1000, requests: 12, errors: 5 },
    ];
    expect([...seconds]).toEqual([
      ["cache", asked],
      ["cache-b", asked],
    ]);
  });

  test.each([
    ["cache-b", 200, "its clients went on from memory"],
    ["cache", 1500, "the end of the first second in which lookups failed"],
  ])("a fault of %s is known after %i ms: %s", (node, expected) => {
    const { events, seconds } = cacheSigns(cluster, load);
    expect(detectMs({ injectedMs: 500, untilMs: 3000, nodes: [node] }, spansOf(events), seconds)).toBe(expected);
  });
});
