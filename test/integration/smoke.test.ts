import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { smokeResultSchema } from "../../src/smoke/result.ts";
import { startLocalCluster, type LocalCluster } from "../helpers/local-cluster.ts";

let cluster: LocalCluster;
beforeAll(async () => {
  cluster = await startLocalCluster({ nodes: 3, replicas: 2 });
}, 120_000);
afterAll(async () => {
  await cluster?.stop();
}, 60_000);

async function collections(): Promise<string[]> {
  const { result } = (await cluster.cli(["status", "--json"])).json();
  return result.collections.map(({ name }: { name: string }) => name);
}

it("passes on a cluster that was just started, which it leaves as it was", async () => {
  const run = await cluster.cli(["smoke", "--json", "--junit", "smoke.xml"]);
  const result = smokeResultSchema.parse(run.json().result);
  expect(result.checks.map(({ name, outcome }) => `${name}: ${outcome}`)).toEqual([
    "config: ok",
    "nodes: ok",
    "canary write: ok",
    "canary search: ok",
    "canary delete: ok",
    "cache: ok",
    "objectives: ok",
    "clean up: ok",
  ]);
  expect([run.exitCode, result.verdict]).toEqual([0, "pass"]);
  expect(result.checks.find(({ name }) => name === "objectives")!.detail).toContain("50 of 50 queries of canary points ok");
  expect(await collections()).toEqual([]);
  expect(readFileSync(join(cluster.dir, "smoke.xml"), "utf8")).toContain('tests="8" failures="0" errors="0"');
});

it("leaves nothing behind after Ctrl-C", async () => {
  const { child, ended } = cluster.start(["smoke", "--json"]);
  await expect.poll(collections, { timeout: 30_000, interval: 20 }).toHaveLength(1);
  child.kill("SIGINT");
  const run = await ended;
  expect([run.exitCode, run.json().error.code]).toEqual([130, "interrupted"]);
  expect(await collections()).toEqual([]);
});

it("says which node is dead, to people, to scripts and to GitHub, and exits 3", async () => {
  const kill = cluster.start(["chaos", "kill-node", "n2", "--restart-after", "60s", "--json"]);
  await expect.poll(async () => (await cluster.cli(["status", "--json"])).exitCode, { timeout: 30_000, interval: 200 }).toBe(3);
  const run = await cluster.cli(["smoke"], { env: { GITHUB_ACTIONS: "true" } });
  expect(run.exitCode).toBe(3);
  expect(run.stdout).toMatch(/^fail · 3 of 8 checks/);
  expect(run.stdout).toContain("✗ nodes");
  expect(run.stdout).toContain("skipped: nodes did not pass");
  expect(run.stderr).toMatch(/^::error title=ragctl smoke%3A nodes::.*n2 \(/m);
  kill.child.kill("SIGINT");
  await kill.ended;
  await expect.poll(async () => (await cluster.cli(["status", "--json"])).exitCode, { timeout: 30_000, interval: 200 }).toBe(0);
});

it("shows a wrong config where CI looks", async () => {
  const run = await cluster.cli(["smoke", "--cluster", "nope", "--junit", "bad.xml"], { env: { GITHUB_ACTIONS: "true" } });
  expect(run.exitCode).toBe(2);
  expect(run.stderr).toContain("::error title=ragctl smoke%3A config::");
  expect(readFileSync(join(cluster.dir, "bad.xml"), "utf8")).toContain('failures="1"');
});
