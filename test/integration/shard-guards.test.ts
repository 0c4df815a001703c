import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { identify } from "../../src/process-identity.ts";
import { signalProcess } from "../../src/process-signal.ts";
import { realClock } from "../../src/runtime.ts";
import { thisHost } from "../../src/cluster/this-host.ts";
import { readRun, runIds } from "../../src/runs/index.ts";
import { openStateStore } from "../../src/state/index.ts";
import { packageRoot } from "../../src/version.ts";
import { supervisorOf } from "../helpers/local-cluster.ts";
import { startShardCluster, type ShardCluster } from "./shard-set-up.ts";

describe("what a guard refuses, and what stops half way", { timeout: 180_000 }, () => {
  let cluster: ShardCluster;
  const file = (name: string) => join(cluster.dir, name);
  const apply = (...args: string[]) => cluster.cli(["shard", "apply", ...args, "--json"]);

  beforeAll(async () => {
    cluster = await startShardCluster({ nodes: 2, replicas: 1 });
    expect((await cluster.cli(["shard", "plan", "-o", "plan.json"])).exitCode).toBe(0);
    expect((await cluster.cli(["shard", "plan", "--weight", "n1=2", "-o", "heavy.json"])).exitCode).toBe(0);
  }, 120_000);
  afterAll(() => cluster?.stop(), 60_000);

  function edited(name: string, change: (plan: Record<string, any>) => void): string {
    const plan = JSON.parse(readFileSync(file("plan.json"), "utf8")) as Record<string, any>;
    change(plan);
    writeFileSync(file(name), JSON.stringify(plan));
    return name;
  }

  test("a file that is no plan: exit 2, with every problem", async () => {
    const broken = edited("broken.json", (plan) => {
      plan["topology"] = "round";
      plan["steps"][0].to = "";
    });
    const run = await apply(broken, "--yes");
    expect(run.exitCode).toBe(2);
    expect(run.json().error.details.map(({ path }: { path: string }) => path)).toEqual(["topology", "steps.0.to"]);
    expect((await apply("nowhere.json", "--yes")).json().error).toMatchObject({ code: "plan-invalid" });
  });

  test("a plan for another cluster, one made offline, one that is not confirmed: exit 7", async () => {
    const other = await apply(
      edited("other.json", (plan) => (plan["cluster"] = "prod")),
      "--yes",
    );
    expect([other.exitCode, other.json().error.code]).toEqual([7, "plan-other-cluster"]);
    const offline = await apply(
      edited("offline.json", (plan) => (plan["offline"] = true)),
      "--yes",
    );
    expect([offline.exitCode, offline.json().error.code]).toEqual([7, "plan-offline"]);
    const unasked = await apply("plan.json");
    expect([unasked.exitCode, unasked.json().error.code]).toEqual([7, "confirmation-missing"]);
    expect(unasked.json().error.message).toMatch(/moving \d+ points .* to n3/);
    const early = await apply("plan.json", "--abort");
    expect([early.exitCode, early.json().error.code]).toEqual([7, "plan-not-begun"]);
  });

  test("a lock that somebody holds: exit 7, saying who; lock show and release", async () => {
    const state = await openStateStore({ driver: "sqlite" }, { clusterName: "local", baseDir: cluster.dir, clock: realClock });
    const owner = { ...identify(process.pid)!, host: thisHost, purpose: "a test" };
    const held = await state.acquireLock("cluster", owner, 60_000);
    expect(held.acquired).toBe(true);
    const run = await apply("plan.json", "--yes");
    expect(run.exitCode).toBe(7);
    expect(run.json().error.message).toContain(`held by a test (pid ${process.pid}`);
    const shown = (await cluster.cli(["lock", "show", "--json"])).json().result.locks;
    expect(shown).toMatchObject([{ name: "cluster", purpose: "a test", alive: true }]);
    expect((await cluster.cli(["lock", "release", "cluster"])).exitCode).toBe(7);
    const released = await cluster.cli(["lock", "release", "cluster", "--force", "--json"]);
    expect(released.json().result).toMatchObject({ released: ["cluster"], locks: [] });
    expect((await cluster.cli(["lock", "release", "cluster"])).exitCode).toBe(2);
    await state.close();
  });

  test("the target dies in mid-copy: exit 5 and a sentence; --resume goes on once it is back", async () => {
    const running = await applyUntil("copy-1/copy", "plan.json", "--yes", "--max-rate", "20/s", "--max-pause", "2s");
    expect(signalProcess(supervisorOf(cluster).processes["n3"]!, "SIGKILL")).toBe(true);
    const run = await running.ended;
    expect(run.exitCode, run.stdout + run.stderr).toBe(5);
    expect(run.json().error.message).toMatch(/n3/);
    const again = await apply("plan.json", "--yes");
    expect([again.exitCode, again.json().error.code]).toEqual([7, "plan-half-applied"]);
    expect((await cluster.cli(["up"])).exitCode).toBe(0);
    const resumed = await apply("plan.json", "--resume");
    expect(resumed.exitCode, resumed.stdout).toBe(0);
    expect(resumed.json().result).toMatchObject({ state: "finished", resumed: true });
    expect((await cluster.cli(["shard", "verify", "--json"])).json().result).toMatchObject({ clean: true, checked: 300 });
  });

  test("what is applied, and what was planned before it: exit 7; resumed, 0", async () => {
    const twice = await apply("plan.json", "--yes");
    expect([twice.exitCode, twice.json().error.code]).toEqual([7, "plan-applied"]);
    expect((await apply("plan.json", "--resume")).exitCode).toBe(0);
    const stale = await apply("heavy.json", "--yes");
    expect([stale.exitCode, stale.json().error.code]).toEqual([7, "plan-stale"]);
    expect(stale.json().error.message).toContain("n3 came since it was made");
  });

  test("Ctrl-C stops after the step in flight; abort and reverse undo a half-applied plan", async () => {
    expect((await cluster.cli(["shard", "reverse", "plan.json", "-o", "back.json"])).exitCode).toBe(0);
    const running = await applyUntil("copy-1/copy", "back.json", "--yes", "--max-rate", "100/s");
    running.child.kill("SIGINT");
    const run = await running.ended;
    expect(run.exitCode, run.stderr).toBe(130);
    expect(run.json().result).toMatchObject({ state: "interrupted", steps: { done: 1, total: 3 } });
    expect(run.json().next[0]).toContain("shard apply back.json");
    // One step is done, one was never begun: the way forth again is the reverse of the reverse.
    expect((await cluster.cli(["shard", "reverse", "back.json", "-o", "forth.json"])).exitCode).toBe(0);
    const forth = await apply("forth.json", "--yes");
    expect(forth.exitCode, forth.stdout).toBe(0);
    expect((await cluster.cli(["shard", "verify", "--json"])).json().result).toMatchObject({ clean: true, checked: 300 });
    const nodes = (await cluster.cli(["shard", "status", "--json"])).json().result.tables[0];
    expect(nodes.moves).toEqual([]);
  });

  test("abort takes back what was copied", async () => {
    const env = {
      NODE_OPTIONS: `--import ${join(packageRoot, "test/helpers/crash-at.ts")}`,
      // All of it is copied, and nothing cut over.
      RAGCTL_TEST_CRASH_WHEN: '"copy-1/drain"',
    };
    expect((await cluster.cli(["shard", "apply", "back.json", "--yes"], { env })).exitCode).toBe(137);
    const aborted = await apply("back.json", "--abort");
    expect(aborted.exitCode, aborted.stdout).toBe(0);
    expect(aborted.json().result).toMatchObject({ state: "aborted", steps: { done: 0 } });
    expect((await cluster.cli(["shard", "verify", "--json"])).json().result).toMatchObject({
      clean: true,
      orphaned: 0,
      checked: 300,
    });
  });

  /** Starts an apply, and resolves when its journal says that a phase has begun. */
  async function applyUntil(name: string, ...args: string[]) {
    const before = new Set(runIds(cluster.stateDir));
    const running = cluster.start(["shard", "apply", ...args, "--json"]);
    const state = { over: false };
    void running.ended.then(() => (state.over = true));
    for (;;) {
      // Its directory is there a moment before its record is.
      const begun = (id: string) => existsSync(join(cluster.stateDir, "runs", id, "run.json"));
      const mine = runIds(cluster.stateDir).find((id) => !before.has(id) && begun(id));
      if (mine !== undefined && readRun(cluster.stateDir, mine).events.some((event) => event.name === name)) return running;
      if (state.over) throw new Error(`it ended before ${name}: ${JSON.stringify(await running.ended)}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
});
