import { describe, expect, test } from "vitest";
import type { ClusterConfig } from "../../../../src/config/schema.ts";
import { ExitCode, RagctlError } from "../../../../src/errors.ts";
import { exitCodeOfMonkey, runMonkey, type MonkeyDeps } from "../../../../src/experiments/monkey/run.ts";
import { monkeySchema } from "../../../../src/experiments/monkey/schema.ts";
import type { FaultRequest } from "../../../../src/faults/run-fault.ts";
import type { FaultResult } from "../../../../src/faults/result.ts";
import { fakeRuntime } from "../../../helpers/fake-runtime.ts";
import { SimClock } from "../../../helpers/sim-clock.ts";
import { clusterOf } from "../../faults/guard/helpers.ts";
import { temporaryDir } from "../../faults/helpers.ts";

const minute = 60_000;
const hour = 60 * minute;

interface Options {
  leashed?: boolean;
  horizonMs?: number;
  profile?: Record<string, unknown>;
  cluster?: ClusterConfig;
  /** What comes of the n-th fault. */
  fault?: (n: number, request: FaultRequest) => Partial<FaultResult> | RagctlError;
  watch?: MonkeyDeps["watchConditions"];
}

function set({ leashed = false, horizonMs = 6 * hour, profile = {}, cluster = clusterOf(3), fault, watch }: Options = {}) {
  const clock = new SimClock(Date.parse("2026-03-03T09:00:00Z"));
  const runtime = fakeRuntime({ cwd: temporaryDir(), clock });
  const requests: { atMs: number; request: FaultRequest }[] = [];
  const events: string[] = [];
  const made = (request: FaultRequest) => {
    requests.push({ atMs: clock.nowMs(), request });
    const given = fault?.(requests.length, request) ?? {};
    if (given instanceof RagctlError) throw given;
    return given;
  };
  const deps: MonkeyDeps = {
    runtime,
    note: () => undefined,
    event: ({ kind, phase }) => events.push(`${kind} ${phase}`),
    watchConditions: watch ?? (async () => ({ signal: new AbortController().signal, end: async () => undefined })),
    planFault: async (request) => ({ radius: { refusals: [], ...made(request) } }) as never,
    runFault: async (request) => {
      const given = made(request);
      await clock.sleep(request.forMs ?? 0);
      return { id: `f${requests.length}`, healedAt: clock.nowMs(), stoppedBy: null, ...given } as FaultResult;
    },
  };
  const read = monkeySchema.parse({
    hours: "00:00-24:00",
    every: "10m",
    probability: "100%",
    minBetween: "20m",
    faults: { "kill-node": { for: "1m" }, hang: { for: "2m", weight: 2 } },
    ...profile,
  });
  const done = runMonkey({ cluster, name: "test", profile: read, horizonMs, leashed, allowDegraded: false }, deps);
  return { clock, runtime, requests, events, done };
}

const refused = (message: string, code = "last-replica") => new RagctlError(message, { code, exitCode: ExitCode.refused });

test("off the leash it does exactly what it says on the leash, each at its time", async () => {
  const { acts: would } = await set({ leashed: true }).done;
  expect(would.length).toBeGreaterThan(5);
  const { clock, done, requests, events } = set();
  await clock.advance(6 * hour);
  const { acts, counts, stoppedBy } = await done;
  const bare = (list: typeof acts) => list.map(({ at, fault, targets }) => [at, fault, targets]);
  expect(bare(acts)).toEqual(bare(would));
  expect(requests.map(({ atMs }) => atMs)).toEqual(would.map(({ at }) => at));
  expect(counts).toEqual({ done: acts.length });
  expect(would.every(({ outcome }) => outcome === "would")).toBe(true);
  expect(stoppedBy).toBeNull();
  // Each turn is on the record.
  expect(events.filter((event) => event === "monkey end")).toHaveLength(acts.length);
});

test("on its leash it takes no time, and touches nothing", async () => {
  const { clock, done, requests } = set({ leashed: true });
  await done;
  expect(requests.length).toBeGreaterThan(0);
  expect(clock.nowMs()).toBe(Date.parse("2026-03-03T09:00:00Z"));
});

test("what a guard refuses is a turn like another, with the reason; it goes on", async () => {
  const { clock, done } = set({ fault: (n) => (n === 2 ? refused("without n2, all of docs would have no serving owner") : {}) });
  await clock.advance(6 * hour);
  const { acts, counts } = await done;
  expect(acts[1]).toMatchObject({ outcome: "refused", reason: expect.stringContaining("without n2"), id: null });
  expect(counts["done"]).toBe(acts.length - 1);
});

describe("it stops itself", () => {
  test("where a fault broke an objective", async () => {
    const stoppedBy = { kind: "objective" as const, reason: "p99>=100ms: 300 ms" };
    const { clock, done, requests } = set({ fault: (n) => (n === 2 ? { stoppedBy } : {}) });
    await clock.advance(6 * hour);
    const result = await done;
    expect(result.acts.map(({ outcome }) => outcome)).toEqual(["done", "stopped"]);
    expect(requests).toHaveLength(2);
    expect(result.stoppedBy).toEqual(stoppedBy);
    expect(exitCodeOfMonkey(result)).toBe(4);
    expect(exitCodeOfMonkey({ ...result, stoppedBy: { kind: "guard", reason: "n3 was lost meanwhile" } })).toBe(7);
  });
  test("where an objective is broken before it could do anything", async () => {
    const broken = refused("what shall stop it holds already: errors>=0.1%: 4 %", "stop-condition-holds");
    const { clock, done } = set({ fault: (n) => (n === 2 ? broken : {}) });
    await clock.advance(6 * hour);
    expect(await done).toMatchObject({ stoppedBy: { kind: "objective" }, counts: { done: 1, refused: 1 } });
  });
  test("before its first turn, where nothing can be measured", async () => {
    const profile = { stopIf: ["errors>1%"] };
    const { done, requests } = set({ profile, watch: () => Promise.reject(refused("nothing answers")) });
    await expect(done).rejects.toThrow("nothing answers");
    expect(requests).toEqual([]);
  });
  test("where something could not be healed", async () => {
    const unhealed = new RagctlError("not proven gone", { code: "fault-unhealed", exitCode: ExitCode.unhealed });
    const { clock, done } = set({ fault: (n) => (n === 1 ? unhealed : {}) });
    await clock.advance(6 * hour);
    const result = await done;
    expect(result.counts).toEqual({ unhealed: 1 });
    expect(exitCodeOfMonkey(result)).toBe(5);
  });
  test("when it is interrupted, with what it did so far", async () => {
    const { clock, runtime, done } = set({ horizonMs: 1000 * hour });
    await clock.advance(2 * hour);
    runtime.interrupt();
    const { acts, stoppedBy } = await done;
    expect(acts.length).toBeGreaterThan(0);
    expect(stoppedBy).toBeNull();
  });
});

test("a laptop that slept through a turn leaves it out", async () => {
  const { acts: would } = await set({ leashed: true }).done;
  const { done, clock: own, requests } = set();
  const nowMs = own.nowMs.bind(own);
  let leapMs = 0;
  own.nowMs = () => nowMs() + leapMs;
  await own.advance(would[0]!.at - nowMs() - 1_000);
  leapMs = 90 * minute;
  await own.advance(7 * hour);
  const late = requests.filter(({ atMs }) => would.some(({ at }) => atMs - at > minute && atMs - at < 3 * minute));
  expect(late).toEqual([]);
  expect(requests[0]!.atMs).toBeGreaterThan(would[0]!.at + 60 * minute);
  await own.advance(10 * hour);
  await done;
});

describe("whom it may touch", () => {
  const targetsOf = async (profile: Record<string, unknown>, cluster?: ClusterConfig) => {
    const { acts } = await set({ leashed: true, horizonMs: 48 * hour, profile, ...(cluster && { cluster }) }).done;
    return new Set(acts.flatMap(({ targets }) => targets));
  };
  test("all of them unless told", async () => {
    expect(await targetsOf({})).toEqual(new Set(["n1", "n2", "n3"]));
  });
  test("none that is spared, and none that is not named", async () => {
    expect(await targetsOf({ spare: ["n2"] })).toEqual(new Set(["n1", "n3"]));
    expect(await targetsOf({ nodes: ["n2"] })).toEqual(new Set(["n2"]));
    await expect(targetsOf({ nodes: ["n9"] })).rejects.toMatchObject({ exitCode: 2 });
  });
  test("a zone, where all of it may be touched", async () => {
    const cluster = clusterOf(4);
    for (const [index, node] of cluster.nodes.entries()) node.zone = index % 2 === 0 ? "a" : "b";
    const faults = { "zone-outage": {} };
    expect(await targetsOf({ faults }, cluster)).toEqual(new Set(["n1", "n2", "n3", "n4"]));
    expect(await targetsOf({ faults, spare: ["n2"] }, cluster)).toEqual(new Set(["n1", "n3"]));
  });
  test("nobody: the turn says so", async () => {
    const { acts } = await set({ leashed: true, profile: { faults: { "cache-down": {} } } }).done;
    expect(acts.every(({ outcome, targets }) => outcome === "impossible" && targets.length === 0)).toBe(true);
  });
});

describe("profiles", () => {
  test.each([
    [{ faults: {} }, /at least one kind/],
    [{ faults: { "kil-node": {} } }, /no fault "kil-node"; did you mean|no fault "kil-node"/],
    [{ faults: { "cache-flush": {} } }, /cannot be undone/],
    [{ faults: { latency: {} } }, /./],
    [{ faults: { hang: {} }, hours: "9-17" }, /expected hours/],
    [{ faults: { hang: {} }, timeZone: "Vienna" }, /IANA/],
    [{ faults: { hang: {} }, except: ["Christmas"] }, /expected dates/],
    [{ faults: { hang: {} }, maxBlast: "many" }, /expected a number of nodes/],
    [{ faults: { hang: {} }, probability: "120%" }, /at most 1/],
  ])("%j is refused", (profile, message) => {
    const { error } = monkeySchema.safeParse(profile);
    expect(error?.issues.map((issue) => issue.message).join("\n")).toMatch(message);
  });
});
