import { describe, expect, test } from "vitest";
import { undecided, unconfirmed } from "../../../src/migration/confirm.ts";
import { reasonToWait, type NodeProbe } from "../../../src/migration/governor.ts";
import { judge, type Copy } from "../../../src/migration/holdings.ts";
import { beginPlan, settlePlan } from "../../../src/migration/layout.ts";
import { clusterLock, holdLock } from "../../../src/migration/lock.ts";
import { planStateOf } from "../../../src/migration/plan-state.ts";
import { compareIds, selectorFilters, selectorsShare, SetChecksum } from "../../../src/migration/positions.ts";
import { reversePlan } from "../../../src/migration/reverse.ts";
import { chooseSources, servesAll } from "../../../src/migration/sources.ts";
import { formatMaxRate, parseMaxRate, tokenBucket } from "../../../src/migration/throttle.ts";
import { TouchedLog } from "../../../src/migration/touched-log.ts";
import { createRouting, loadHashes, transitions, type RoutingTable } from "../../../src/sharding/index.ts";
import { subtractRanges, type Range } from "../../../src/sharding/ranges.ts";
import { fingerprintOfTable } from "../../../src/sharding/plan/fingerprint.ts";
import type { Lease } from "../../../src/state/index.ts";
import { EventClock } from "../../helpers/sim/event-clock.ts";
import { MemoryState, memoryState } from "../../helpers/sim/memory-state.ts";
import { SimClock } from "../../helpers/sim-clock.ts";
import { moveOf, tableOf } from "../sharding/tables.ts";
import { layoutOfTable, planTo } from "./plans.ts";

await loadHashes();

const never = new AbortController().signal;

describe("who must be waited for", () => {
  const lease = (client: string, remainingMs: number, confirmed: Record<string, number>): Lease => ({
    client,
    purpose: client,
    host: "h",
    remainingMs,
    confirmed,
  });
  const leases = [
    lease("ahead", 4000, { docs: 7 }),
    lease("behind", 4000, { docs: 6 }),
    lease("new", 4000, { docs: 0 }),
    lease("elsewhere", 4000, { other: 1 }),
    lease("lapsed", -400, { docs: 6 }),
    lease("dead", -1000, { docs: 2 }),
  ];

  test.each([
    [6, ["new"]],
    [7, ["behind", "new", "lapsed"]],
    [8, ["ahead", "behind", "new", "lapsed"]],
  ])("epoch %i: %j", (epoch, waiting) => {
    expect(unconfirmed(leases, "docs", epoch, 1000).map(({ client }) => client)).toEqual(waiting);
  });

  test("between dead and alive is whose lease has ended less than a request timeout ago", () => {
    expect(undecided(leases, "docs", 1000).map(({ client }) => client)).toEqual(["lapsed"]);
  });
});

describe("positions", () => {
  test.each<[Range[], Range[], Range[]]>([
    [[[0, 10]], [], [[0, 10]]],
    [[[0, 10]], [[0, 10]], []],
    [
      [[0, 10]],
      [[3, 5]],
      [
        [0, 3],
        [5, 10],
      ],
    ],
    [
      [
        [0, 10],
        [20, 30],
      ],
      [
        [5, 25],
        [28, 40],
      ],
      [
        [0, 5],
        [25, 28],
      ],
    ],
    [
      [[0, 10]],
      [
        [8, 9],
        [1, 2],
      ],
      [
        [0, 1],
        [2, 8],
        [9, 10],
      ],
    ],
  ])("%j without %j is %j", (ranges, taken, left) => expect(subtractRanges(ranges, taken)).toEqual(left));

  test("selectors share points where their ranges overlap, not where they touch", () => {
    const ranges = (...list: Range[]) => ({ kind: "ranges" as const, ranges: list });
    expect(selectorsShare(ranges([0, 10]), ranges([10, 20]))).toBe(false);
    expect(selectorsShare(ranges([0, 10], [30, 40]), ranges([10, 31]))).toBe(true);
  });

  test("many ranges are asked for in several filters, each range in one of them", () => {
    const ranges = Array.from({ length: 450 }, (_, n): Range => [n * 10, n * 10 + 5]);
    const filters = selectorFilters({ kind: "ranges", ranges });
    expect(filters).toHaveLength(3);
    expect(JSON.stringify(filters).match(/"gte"/g)).toHaveLength(450);
    expect(selectorFilters({ kind: "cells", cells: [3, 4] })).toEqual([
      { must: [{ key: "_ragctl_cell", match: { any: [3, 4] } }] },
    ]);
  });

  test("ids are in the stores' order", () => {
    const ids = ["b0000000-0000-0000-0000-000000000000", 10, 9, "a0000000-0000-0000-0000-000000000000"];
    expect(ids.toSorted(compareIds)).toEqual([9, 10, ids[3], ids[0]]);
  });

  test("a checksum depends on ids and versions, not on their order", () => {
    const of = (...points: [number | string, number | undefined][]) => {
      const sum = new SetChecksum();
      for (const [id, version] of points) sum.add(id, version);
      return sum.text;
    };
    expect(of([1, 5], [2, 6])).toBe(of([2, 6], [1, 5]));
    expect(new Set([of([1, 5], [2, 6]), of([1, 6], [2, 5]), of([1, 5]), of([1, undefined]), of(["1", 5])]).size).toBe(5);
  });
});

describe("throttle", () => {
  test.each([
    ["500", { per: "points", perSec: 500 }, "500 points/s"],
    ["30/m", { per: "points", perSec: 0.5 }, "0.50 points/s"],
    ["10MiB/s", { per: "bytes", perSec: 10 * 2 ** 20 }, "10.0 MiB/s"],
    ["64MB", { per: "bytes", perSec: 64e6 }, "61.0 MiB/s"],
  ])("%s", (text, rate, shown) => {
    const parsed = parseMaxRate(text);
    expect(parsed).toEqual(rate);
    expect(formatMaxRate(parsed)).toBe(shown);
  });

  test.each(["", "fast", "0", "-5/s", "10MiB/m"])("%j is none", (text) =>
    expect(() => parseMaxRate(text)).toThrow("such as 500/s"),
  );

  test("the mean rate holds, whatever the pages", async () => {
    const clock = new SimClock();
    const throttle = tokenBucket({ per: "points", perSec: 100 }, clock);
    let taken = 0;
    const work = (async () => {
      for (const points of [10, 250, 1, 39, 100, 100]) {
        await throttle.take(points, 1, never);
        taken += points;
      }
    })();
    await clock.advance(2_350);
    expect(taken).toBe(260);
    await clock.advance(2_401);
    await work;
    expect(taken).toBe(500);
  });
});

describe("when a migration holds back", () => {
  const probe = (id: string, latencyUs: number, answers = true): NodeProbe => ({ id, answers, latencyUs });
  const rounds = (...latencies: number[]) => latencies.map((latency) => [probe("a", 500), probe("b", latency)]);
  test.each<[string, NodeProbe[][], string | undefined]>([
    ["nothing known", [], undefined],
    ["all well", rounds(900, 900, 900, 900, 900, 900), undefined],
    ["a silent node", [[probe("a", 1), probe("b", 0, false)]], "node b does not answer"],
    ["silent before, and back", [[probe("a", 1, false)], [probe("a", 1)]], undefined],
    ["half of the probes slow", rounds(2000, 900, 2000, 900, 2000, 900), undefined],
    [
      "most of them slow",
      rounds(2000, 900, 2000, 2000, 2000, 900),
      "node b answers more slowly than the cluster's objective allows",
    ],
    ["too few to say", rounds(2000, 2000, 2000), undefined],
  ])("%s", (_name, given, reason) => expect(reasonToWait(given, 1000)).toBe(reason));
  test("without an objective nothing is too slow", () =>
    expect(reasonToWait(rounds(9e9, 9e9, 9e9, 9e9, 9e9, 9e9), undefined)).toBeUndefined());
});

describe("sources", () => {
  test("the preferred one where it serves everything, else few others; what nobody serves is said", () => {
    const table = tableOf({ a: "serving", b: "serving", c: "serving" }, { replicas: 2 });
    const routing = createRouting(table);
    const everything: Range[] = [[0, 2 ** 32]];
    expect(servesAll(routing, "a", { kind: "ranges", ranges: everything })).toBe(false);
    const arc = routing.segments.find(({ set }) => !set.read.includes(2))!;
    const one = chooseSources(routing, [[arc.lo, arc.hi]], "c", "b");
    expect(one).toEqual({ sources: [{ from: "b", selector: { kind: "ranges", ranges: [[arc.lo, arc.hi]] } }], missingShare: 0 });
    const several = chooseSources(routing, everything, "d", "a");
    expect(several.missingShare).toBe(0);
    const covered = several.sources.flatMap(({ selector }) => (selector.kind === "ranges" ? selector.ranges : []));
    expect(subtractRanges(everything, covered)).toEqual([]);
    expect(chooseSources(routing, everything, "d", "a", (id) => id === "b").missingShare).toBeGreaterThan(0.1);
  });
});

describe("the log of touched keys", () => {
  test("what is pending, what is open, and what a comparison left out", async () => {
    const state = memoryState(new MemoryState(), new EventClock());
    const append = (kind: "before" | "after", id: number, op: string) =>
      state.appendTouched("docs", [{ move: "m", kind, id, op }]);
    const log = new TouchedLog(state, "docs", "m");
    await append("before", 1, "w.1");
    await append("after", 1, "w.1");
    await append("before", 2, "w.2");
    await log.read();
    expect(log.takePending()).toEqual([1, 2]);
    log.mark();
    expect([...log.leftOut().values()]).toEqual([2]);
    await append("before", 3, "w.3");
    await append("after", 2, "w.2");
    await log.read();
    expect([...log.leftOut().values()]).toEqual([3, 2]);
    expect(log.takePending(true)).toEqual([3, 2]);
    expect(log.takePending()).toEqual([]);
    expect(log.takePending(true)).toEqual([3]);
    log.putBack([9]);
    expect(log.takePending()).toEqual([9]);
  });
});

describe("verification of one point", () => {
  const table = tableOf(
    { a: "serving", b: "serving", c: "serving", d: "joining", e: "stale" },
    { replicas: 2, members: ["a", "b", "c"] },
  );
  const routing = createRouting(table);
  const { lo } = routing.segments.find(({ set }) => set.owners.join() === "0,1")!;
  const copy = (node: string, version = 7): Copy => ({ node, version, position: lo });
  const asked = new Set(["a", "b", "c", "d"]);
  const found = (...copies: Copy[]) => {
    const finding = judge(routing, 1, "1", copies, asked);
    return finding && { missing: finding.missing, orphaned: finding.orphaned, different: finding.different };
  };
  const none = { missing: [], orphaned: [], different: [] };

  test("on all owners, in one version", () => expect(found(copy("a"), copy("b"))).toBeUndefined());
  test("one lacks it", () => expect(found(copy("b"))).toEqual({ ...none, missing: ["a"] }));
  test("one is behind", () => expect(found(copy("a", 6), copy("b", 7))).toEqual({ ...none, different: ["a"] }));
  test("somebody else has it too", () => expect(found(copy("a"), copy("b"), copy("c"))).toEqual({ ...none, orphaned: ["c"] }));
  test("nobody but somebody else has it: it was deleted", () => expect(found(copy("c"))).toEqual({ ...none, orphaned: ["c"] }));
  test("it carries no fields", () =>
    expect(found({ node: "a", version: undefined, position: undefined })).toEqual({ ...none, orphaned: ["a"] }));
  test("a node that was not asked lacks nothing", () =>
    expect(judge(routing, 1, "1", [copy("b")], new Set(["b"]))).toBeUndefined());
  test("what a move has put on its target is no orphan, before its cut-over", () => {
    const moving = createRouting({ ...table, moves: [moveOf("p/s~1.1", "a", "d", [[lo, lo + 1]])] });
    expect(judge(moving, 1, "1", [copy("a"), copy("b"), copy("d")], asked)).toBeUndefined();
    expect(judge(moving, 1, "1", [copy("a"), copy("b"), copy("c")], asked)?.orphaned).toEqual(["c"]);
  });
});

describe("where a plan stands", () => {
  const table = tableOf({ a: "serving", b: "serving", c: "joining" }, { replicas: 1 });
  const plan = planTo(table, layoutOfTable(table, ["a", "b", "c"]));
  const step = plan.steps[0]!.kind === "copy" ? plan.steps[0] : undefined;
  const withMove = (id: string): RoutingTable => ({
    ...table,
    moves: [{ ...moveOf(id, "a", "c", []), selector: step!.selector }],
  });
  const codeOf = (act: () => unknown) => {
    try {
      return act();
    } catch (error) {
      return (error as { code: string }).code;
    }
  };
  const applied: RoutingTable = { ...table, members: ["a", "b", "c"] };

  test.each<[string, () => unknown, string]>([
    ["never begun", () => planStateOf(plan, table, "sim"), "fresh"],
    ["begun", () => planStateOf(plan, withMove("plan-test/copy-1~1.1"), "sim"), "begun"],
    ["finished", () => planStateOf(plan, applied, "sim"), "finished"],
    ["another cluster", () => planStateOf(plan, table, "prod"), "plan-other-cluster"],
    ["another collection", () => planStateOf(plan, { ...table, collection: "x" }, "sim"), "plan-other-cluster"],
    ["offline", () => planStateOf({ ...plan, offline: true }, table, "sim"), "plan-offline"],
    ["stale", () => planStateOf(plan, { ...table, replicas: 2 }, "sim"), "plan-stale"],
    ["another plan is half applied", () => planStateOf(plan, withMove("plan-other/copy-1~1.1"), "sim"), "plan-in-flight"],
    [
      "the plan that it reverses is",
      () => planStateOf({ ...plan, reverses: "plan-other" }, withMove("plan-other/copy-1~1.1"), "sim"),
      "fresh",
    ],
    ["a repair or a verification is under way", () => planStateOf(plan, withMove("verify/9"), "sim"), "fresh"],
  ])("%s", (_name, act, state) => expect(codeOf(act)).toBe(state));

  test("a plan's layout: who comes, who goes, who stays beside", () => {
    const three = tableOf(
      { a: "serving", b: "serving", c: "serving", late: "joining" },
      { replicas: 1, members: ["a", "b", "c"] },
    );
    const layout = { ...layoutOfTable(three, ["b", "c"]) };
    layout.members.push("d");
    layout.nodes["d"] = { url: "http://d", weight: 1 };
    const begun = beginPlan(three, layout);
    if (begun === "unchanged" || "refused" in begun) throw new Error("refused");
    const states = Object.fromEntries(Object.entries(begun.table.nodes).map(([id, { state }]) => [id, state]));
    expect(states).toEqual({ a: "leaving", b: "serving", c: "serving", late: "joining", d: "joining" });
    expect(beginPlan(begun.table, layout)).toBe("unchanged");
    expect(settlePlan(begun.table, layout, false)).toHaveProperty("refused");
  });

  test("a plan and its reverse, applied to the table, give the table back", () => {
    let now = table;
    const applyAll = (steps: typeof plan.steps, planId: string) => {
      for (const one of steps) {
        const routing = createRouting(now);
        const next =
          one.kind === "settle"
            ? settlePlan(now, one.layout, planId !== plan.planId)
            : one.kind === "copy"
              ? cutOverAtOnce(now, `${planId}/${one.id}~${now.epoch}.1`, one, routing)
              : { refused: "not routed" };
        if ("refused" in next) throw new Error(next.refused);
        now = next.table;
      }
    };
    const back = (of: typeof plan) => reversePlan(of, createRouting(now), { planId: "back", createdAt: "", nodes: [] });
    expect(back(plan).steps).toEqual([]);
    applyAll(plan.steps, plan.planId);
    expect(now.members).toEqual(["a", "b", "c"]);
    const undo = back(plan);
    expect(undo).toMatchObject({ reverses: plan.planId, fingerprint: fingerprintOfTable(now) });
    applyAll(undo.steps, "back");
    expect(fingerprintOfTable(now)).toEqual(fingerprintOfTable(table));
    expect(now.moves).toEqual([]);
    // Half of it: the moves that were cut over are moved back, and all of them leave the table.
    applyAll(plan.steps.slice(0, 1), plan.planId);
    const half = back(plan);
    expect(half.steps.length).toBe(2);
    applyAll(half.steps, "half");
    expect(fingerprintOfTable(now)).toEqual(fingerprintOfTable(table));
    expect(createRouting(now).segments.map(({ set }) => set.owners)).toEqual(
      createRouting(table).segments.map(({ set }) => set.owners),
    );
  });

  function cutOverAtOnce(
    now: RoutingTable,
    id: string,
    { selector, from, to, replaces }: NonNullable<typeof step>,
    routing: ReturnType<typeof createRouting>,
  ) {
    const announced = transitions.announceMoves(now, [{ id, selector, from, to, replaces }], routing);
    if ("refused" in announced) return announced;
    const paused = transitions.startPause(announced.table, [id]);
    if ("refused" in paused) return paused;
    return transitions.cutOver(paused.table, new Map([[id, 1]]), createRouting(paused.table));
  }
});

describe("locks", () => {
  const owner = (purpose: string) => ({ host: "h", pid: 1, startTime: purpose, purpose });

  test("one holder; a dead one is replaced at once, and what it left is unclean; a lost one must stop", async () => {
    const clock = new EventClock();
    const state = memoryState(new MemoryState(), clock);
    const take = (purpose: string, isDead = () => false) =>
      holdLock(state, { name: clusterLock, owner: owner(purpose), clock, requestTimeoutMs: 1_000, isDead });
    const first = await take("first");
    expect(first.unclean).toBe(false);
    await expect(take("second")).rejects.toMatchObject({ code: "lock-held", exitCode: 7 });
    await clock.run(60_000);
    first.fence.ensure();
    const second = await take("second", () => true);
    expect(second.unclean).toBe(true);
    await clock.run(2_000);
    expect(() => first.fence.ensure()).toThrow("taken over");
    second.fence.ensure();
    const releasing = second.release();
    await clock.run(2_000);
    await releasing;
    const third = await take("third");
    expect(third.unclean).toBe(false);
    third.fence.leaveUnclean();
    const leaving = third.release();
    await clock.run(2_000);
    await leaving;
    await clock.run(60_000);
    expect((await take("fourth")).unclean).toBe(true);
  });

  test("a lock that cannot be renewed guards nothing once a request could outlive it", async () => {
    const clock = new EventClock();
    const away = { now: false };
    const state = memoryState(new MemoryState(), clock, () => (away.now ? Promise.reject(new Error("away")) : Promise.resolve()));
    const held = await holdLock(state, { name: "x", owner: owner("x"), clock, requestTimeoutMs: 1_000 });
    await clock.run(5_000);
    away.now = true;
    await clock.run(9_000);
    held.fence.ensure();
    await clock.run(4_000);
    expect(() => held.fence.ensure()).toThrow("does not answer");
  });
});
