import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { stringify } from "yaml";
import { recordIds } from "../../src/faults/journal.ts";
import { schemaProblems } from "../helpers/json-document.ts";
import { startLocalCluster, supervisorOf, type LocalCluster } from "../helpers/local-cluster.ts";

const slow = 240_000;
let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await startLocalCluster({ nodes: 3, replicas: 2 });
}, slow);
afterAll(() => cluster.stop(), slow);
// Guards refuse to break a cluster that is not whole, and a node that missed writes takes a while.
beforeEach(async () => {
  const up = await cluster.cli(["up"]);
  expect(up.exitCode, up.stderr).toBe(0);
  for (;;) {
    const { tables } = (await cluster.cli(["shard", "status", "--json"])).json().result;
    if (tables.every(({ nodes }: any) => nodes.every(({ state }: any) => state === "serving"))) return;
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}, slow);

/** A small experiment. Limits are what a machine that is busy with other things still meets. */
const experiment = (more: object = {}) => ({
  setup: { points: 300, dim: 16, clusters: 8 },
  load: {
    warmup: "1s",
    timeout: "3s",
    scenarios: {
      search: { executor: "constant-arrival-rate", rate: "30/s", operation: { kind: "search", k: 5 } },
      upsert: {
        executor: "constant-arrival-rate",
        rate: "10/s",
        operation: { kind: "upsert", keys: 100, freshness: false },
      },
    },
  },
  steadyState: { thresholds: { errors: "rate<30%", "recall@5": "mean>0.5" }, before: "3s", window: "2s" },
  method: [
    { fault: "kill-node", nodes: ["n2"], for: "3s" },
    { wait: "1s" },
    { ragctl: ["status", "--json"], mayFail: true },
    { wait: { until: "serving" } },
  ],
  recovery: { within: "60s", stay: "2s" },
  objectives: ["recover<60s", "availability>50%", "lost<=0"],
  ...more,
});

function profile(name: string, more: object = {}): string {
  writeFileSync(join(cluster.dir, `${name}.yaml`), stringify(experiment(more)));
  return `${name}.yaml`;
}

test("what shall stop it, stops it: the method ends, the fault is healed at once, exit 4", { timeout: slow }, async () => {
  const method = [
    { fault: "hang", nodes: ["n2"], for: "10m" },
    { command: ["touch", "stop-now"] },
    { wait: "10m" },
    { fault: "hang", nodes: ["n3"], for: "1s" },
  ];
  const stop = { stopIf: ["errors>99%"], stopCommand: "test ! -e stop-now" };
  const run = await cluster.cli(["chaos", "run", profile("stop", { method, ...stop }), "--json"], { timeoutMs: slow });
  expect(run.exitCode, run.stdout + run.stderr).toBe(4);
  const document = run.json();
  expect(schemaProblems("chaos run", document)).toEqual([]);
  expect(document.result).toMatchObject({
    verdict: "fail",
    stoppedBy: { kind: "command", reason: "`test ! -e stop-now` ended with exit code 1" },
    unhealed: [],
    steps: [{ outcome: "done", fault: { fault: "hang" } }, { outcome: "done" }, { outcome: "stopped" }, { outcome: "skipped" }],
  });
  expect(recordIds(join(cluster.stateDir, "faults"))).toEqual([]);
});

test(
  "a node killed under load: steady before, healed, recovered, audited, and told in every form",
  { timeout: slow },
  async () => {
    const outputs = ["--out", "r.json", "--html", "r.html", "--junit", "r.xml", "--markdown", "r.md"];
    const run = await cluster.cli(["chaos", "run", profile("kill"), "--json", ...outputs], { timeoutMs: slow });
    expect(run.exitCode, run.stdout + run.stderr).toBe(0);
    const document = run.json();
    expect(schemaProblems("chaos run", document)).toEqual([]);
    const { result } = document;
    expect(result).toMatchObject({
      verdict: "pass",
      interrupted: false,
      steadyState: { before: "held", after: "held" },
      writes: { lost: 0, doubled: 0, unaudited: 0 },
      unhealed: [],
      steps: [
        { kind: "fault", outcome: "done", nodes: ["n2"], fault: { fault: "kill-node" } },
        { kind: "wait", outcome: "done" },
        { kind: "ragctl" },
        { kind: "until", outcome: "done" },
      ],
    });
    expect(result.writes.acknowledged).toBeGreaterThan(50);
    expect(result.availability).toBeGreaterThan(0.5);
    const [{ fault }] = result.steps;
    expect(fault.healedMs - fault.injectedMs).toBeGreaterThanOrEqual(3000);
    expect(fault.detectMs).toBeGreaterThanOrEqual(0);
    expect(result.recoverMs).toBe(fault.recoverMs);
    // Everything on one timeline, in order: the fault, what a client made of it, the steps, the phases.
    const kinds = result.timeline.map(({ kind, name, phase }: any) => `${kind} ${name} ${phase}`);
    for (const each of [
      "load measure start",
      "fault kill-node n2 start",
      "stale n2 start",
      "fault kill-node n2 end",
      "experiment audit end",
    ])
      expect(kinds).toContain(each);
    const times = result.timeline.map(({ atMs }: any) => atMs);
    expect(times).toEqual(times.toSorted((a: number, b: number) => a - b));
    expect(result.phases.map(({ name }: any) => name)).toEqual(["before", "during", "after"]);
    // The books of the load's seconds are those of the load.
    const scheduled = result.seconds.reduce((sum: number, each: any) => sum + each.scheduled, 0);
    expect(scheduled).toBe(result.load.counts.scheduled);

    for (const file of ["r.html", "r.xml", "r.md", "r.json"])
      expect(readFileSync(join(cluster.dir, file), "utf8").length).toBeGreaterThan(300);
    expect(readFileSync(join(cluster.dir, "r.html"), "utf8")).toContain("kill-node n2");
    const { run: journal } = (await cluster.cli(["runs", "latest", "--json"])).json().result;
    expect(journal).toMatchObject({ command: "chaos run kill.yaml", verdict: "pass", exitCode: 0, state: "done" });
    expect(journal.events.map(({ kind }: any) => kind)).toEqual(expect.arrayContaining(["load", "fault", "experiment", "step"]));
    expect((await cluster.cli(["shard", "status", "--json"])).stdout).not.toContain("ragctl-chaos");
    expect(recordIds(join(cluster.stateDir, "faults"))).toEqual([]);
  },
);

test("--dry-run touches nothing, and says when, whom and how much", { timeout: slow }, async () => {
  const before = supervisorOf(cluster).processes;
  const run = await cluster.cli(["chaos", "run", profile("plan"), "--dry-run", "--json"]);
  expect(run.exitCode, run.stderr).toBe(0);
  expect(schemaProblems("chaos run", run.json())).toEqual([]);
  expect(run.json().result).toMatchObject({
    dryRun: true,
    steps: [
      { name: "kill-node n2", nodes: ["n2"], radius: { impact: "silences", refusals: [] } },
      { kind: "wait" },
      { kind: "ragctl" },
      { kind: "until" },
    ],
  });
  expect(supervisorOf(cluster).processes).toEqual(before);
});

test("no steady state to begin with: nothing is broken, exit 4", { timeout: slow }, async () => {
  const before = supervisorOf(cluster).processes;
  const never = { thresholds: { responseTime: "p50<1us" }, before: "2s", window: "2s" };
  const run = await cluster.cli(["chaos", "run", profile("unsteady", { steadyState: never }), "--json"], { timeoutMs: slow });
  expect(run.exitCode, run.stdout + run.stderr).toBe(4);
  expect(run.json().result).toMatchObject({
    verdict: "fail",
    steadyState: { before: "failed", after: "unknown" },
    recoverMs: null,
  });
  expect(run.json().result.steps.every(({ outcome }: any) => outcome === "skipped")).toBe(true);
  expect(supervisorOf(cluster).processes).toEqual(before);
});

test("a guard refuses in mid-method: what was begun is healed, exit 7", { timeout: slow }, async () => {
  const method = [
    { fault: "kill-node", nodes: ["n1"], for: "60s" },
    { wait: "1s" },
    { fault: "kill-node", nodes: ["n2"], for: "5s" },
  ];
  const run = await cluster.cli(["chaos", "run", profile("refused", { method }), "--json"], { timeoutMs: slow });
  expect(run.exitCode, run.stdout + run.stderr).toBe(7);
  const { result } = run.json();
  expect(result.steps.map(({ outcome }: any) => outcome)).toEqual(["done", "done", "refused"]);
  expect(result.reasons.join("\n")).toMatch(/the method ended early: kill-node n2: .*would have no serving owner/s);
  expect(result.steps[0].fault.healedMs).toBeLessThan(60_000);
  expect(recordIds(join(cluster.stateDir, "faults"))).toEqual([]);
});

test("Ctrl-C heals and reports; meanwhile a second experiment is refused", { timeout: slow }, async () => {
  const method = [{ fault: "hang", nodes: ["n3"], for: "120s" }, { wait: "120s" }];
  const { child, ended } = cluster.start(["chaos", "run", profile("stopped", { method }), "--json"]);
  const journal = join(cluster.stateDir, "faults");
  await until(() => recordIds(journal).length > 0);
  await until(() => existsSync(journal) && stopped(supervisorOf(cluster).processes["n3"]!.pid));
  const second = await cluster.cli(["chaos", "run", profile("second"), "--json"]);
  expect(second.exitCode).toBe(7);
  expect(second.json().error.code).toBe("experiment-running");
  child.kill("SIGINT");
  const run = await ended;
  expect(run.exitCode, run.stderr).toBe(130);
  const { result } = run.json();
  expect(result).toMatchObject({
    interrupted: true,
    unhealed: [],
    steps: [{ fault: { fault: "hang" } }, { outcome: "stopped" }],
  });
  expect(result.steps[0].fault.healedMs).toBeGreaterThan(result.steps[0].fault.injectedMs);
  expect(stopped(supervisorOf(cluster).processes["n3"]!.pid)).toBe(false);
  expect(recordIds(journal)).toEqual([]);
});

test("mistakes are told before anything is touched", { timeout: slow }, async () => {
  const method = [{ fault: "kill-node", nodes: ["m2"] }, { scale: 0 }];
  const wrong = await cluster.cli(["chaos", "run", profile("wrong", { method })]);
  expect(wrong).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("wrong.yaml") });
  const nowhere = await cluster.cli(["chaos", "run", "kill-one", "--html", "no/such/folder/x.html"]);
  expect(nowhere).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("there is no folder") });
  const unknown = await cluster.cli(["chaos", "run", "kill-on"]);
  expect(unknown).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('did you mean "kill-one"?') });
});

/** By /proc: SIGSTOP has reached it. */
function stopped(pid: number): boolean {
  return /^\d+ \(.*\) T/.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

async function until(what: () => boolean): Promise<void> {
  const startMs = performance.now();
  while (!what()) {
    if (performance.now() - startMs > 120_000) throw new Error("not within two minutes");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
