import { beforeAll, describe, expect, test } from "vitest";
import { CanaryWindow, type Canary } from "../../../../src/faults/guard/canary.ts";
import { askCommand } from "../../../../src/faults/guard/stop-command.ts";
import { parseStopConditions } from "../../../../src/faults/guard/stop-conditions.ts";
import { exitCodeOfStop, watchConditions } from "../../../../src/faults/guard/watch.ts";
import { prepareHistograms } from "../../../../src/load/recorder/histogram.ts";
import { fakeRuntime } from "../../../helpers/fake-runtime.ts";
import { SimClock } from "../../../helpers/sim-clock.ts";
import { temporaryDir } from "../helpers.ts";
import { clusterOf } from "./helpers.ts";

beforeAll(() => prepareHistograms());

const limitsOf = (...stopIf: string[]) => parseStopConditions({ stopIf }, {}).limits;

describe("conditions", () => {
  test.each([
    ["errors>1%", { metric: "errors", comparison: "<=", limit: 0.01 }],
    ["p99>=200ms", { metric: "latency", comparison: "<", q: 0.99, limitUs: 200_000 }],
    ["rate<99%", { metric: "rate", comparison: ">=", limit: 0.99 }],
    ["max>1s", { metric: "latency", q: 1 }],
  ])("%s stops once its opposite no longer holds", (text, threshold) => {
    expect(limitsOf(text)).toMatchObject([{ condition: text, threshold }]);
  });
  test("objectives: whatever the cluster promises", () => {
    const { limits } = parseStopConditions({ stopIf: ["objectives"] }, { p99: 100, errorRate: 0.001 });
    expect(limits.map(({ condition }) => condition)).toEqual(["p99>=100ms", "errors>=0.1%"]);
  });
  test.each([
    ["errors<1%", /says when to stop, so "errors<1%" would be errors>=1%/],
    ["recall@10<0.9", /not what canary searches can tell/],
    ["freshness:p95>2s", /not what canary searches can tell/],
    ["slow", /expected a condition such as errors>1%/],
    ["objectives", /has no objectives/],
  ])("%s is refused", (text, message) => {
    expect(() => limitsOf(text)).toThrow(message);
  });
});

describe("canary searches", () => {
  /** One search each 100 ms: a latency in ms, "error", or "pending". */
  function after(searches: (number | "error" | "pending")[], ...stopIf: string[]): string | undefined {
    const window = new CanaryWindow();
    let nowUs = 0;
    for (const outcome of searches) {
      const done = window.begin(nowUs);
      if (outcome === "error") done(false, nowUs + 1_000);
      else if (outcome !== "pending") done(true, nowUs + outcome * 1_000);
      nowUs += 100_000;
    }
    const broken = window.broken(limitsOf(...stopIf), nowUs);
    window.destroy();
    return broken;
  }
  const good = (count: number) => Array.from({ length: count }, () => 5);
  test("too few answers say nothing", () => {
    expect(after(["error", "error", ...good(17)], "errors>1%")).toBeUndefined();
  });
  test("errors", () => {
    expect(after(["error", ...good(99)], "errors>1%")).toBeUndefined();
    expect(after(["error", "error", ...good(98)], "errors>1%")).toBe("errors>1%: 2.00 % of the last 100 canary searches");
  });
  test("what was ten seconds ago is forgotten", () => {
    expect(after(["error", "error", ...good(120)], "errors>0.1%")).toBeUndefined();
  });
  test("latency; an error is infinitely slow", () => {
    expect(after([...good(98), 250, 250], "p99>200ms")).toMatch(/^p99>200ms: 2\d\d ms of/);
    expect(after([...good(98), "error", "error"], "p99>200ms")).toMatch(/^p99>200ms: ∞ of/);
    expect(after([...good(99), 250], "p99>200ms")).toBeUndefined();
  });
  test("one that hangs is late before it ends, and no error yet", () => {
    const hanging = [...good(80), ...Array.from({ length: 20 }, () => "pending" as const)];
    expect(after(hanging, "p99>200ms")).toMatch(/^p99>200ms: ∞ of/);
    expect(after(hanging, "errors>1%")).toBeUndefined();
  });
});

describe("a command", () => {
  const ask = (command: string) => {
    const runtime = fakeRuntime({ cwd: temporaryDir(), env: { PATH: process.env["PATH"] } });
    return askCommand(command, "test", runtime, runtime.signal);
  };
  test("success says nothing; the cluster is in its environment", async () => {
    expect(await ask('test "$RAGCTL_CLUSTER" = test')).toBeUndefined();
  });
  test("failure is told with its last words", async () => {
    expect(await ask("echo one; echo checkout is down >&2; exit 3")).toBe(
      "`echo one; echo checkout is down >&2; exit 3` ended with exit code 3: checkout is down",
    );
  });
});

describe("watching", () => {
  function set(options: { broken?: () => string | undefined; answers?: number; command?: () => string | undefined } = {}) {
    const clock = new SimClock();
    const runtime = fakeRuntime({ cwd: temporaryDir(), clock });
    const ended: string[] = [];
    const canary: Canary = {
      broken: () => options.broken?.(),
      answers: options.answers ?? 100,
      end: async () => void ended.push("canary"),
    };
    const conditions = {
      limits: options.broken ? limitsOf("errors>1%") : [],
      ...(options.command && { command: "check" }),
    };
    const deps = { runtime, canary: async () => canary, command: async () => options.command?.() };
    const watch = watchConditions(conditions, clusterOf(3), deps);
    return { clock, watch, ended };
  }
  test("aborts with what broke; the canary is ended", async () => {
    let broken: string | undefined;
    const { clock, watch, ended } = set({ broken: () => broken });
    const started = await watch;
    await clock.advance(5_000);
    expect(started.signal.aborted).toBe(false);
    broken = "errors>1%: 12.0 % of the last 100 canary searches";
    await clock.advance(600);
    expect(started.signal.reason).toEqual({ kind: "objective", reason: broken });
    await started.end();
    expect(ended).toEqual(["canary"]);
  });
  test("a command that fails later stops it", async () => {
    let why: string | undefined;
    const { clock, watch } = set({ command: () => why });
    const started = await watch;
    why = "`check` ended with exit code 1";
    await clock.advance(2_100);
    expect(started.signal.reason).toEqual({ kind: "command", reason: why });
    await started.end();
  });
  test("what holds already is a reason not to begin", async () => {
    const { watch, ended } = set({ broken: () => "errors>1%: 50.0 % of the last 20 canary searches" });
    await expect(watch).rejects.toMatchObject({ exitCode: 7, code: "stop-condition-holds" });
    expect(ended).toEqual(["canary"]);
    await expect(set({ command: () => "`check` ended with exit code 1" }).watch).rejects.toMatchObject({ exitCode: 7 });
  });
  test("searches that bring no answers are no steady state", async () => {
    const { watch, clock } = set({ broken: () => undefined, answers: 3 });
    const outcome = expect(watch).rejects.toMatchObject({ message: expect.stringContaining("bring 3 answers in 10 s") });
    await clock.advance(11_000);
    await outcome;
  });
  test.each([
    ["guard", 7],
    ["objective", 4],
    ["command", 4],
  ] as const)("%s ends with exit %i", (kind, exitCode) => {
    expect(exitCodeOfStop({ kind, reason: "" })).toBe(exitCode);
  });
});
