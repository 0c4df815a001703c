import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { stringify } from "yaml";
import { schemaProblems } from "../helpers/json-document.ts";
import { startLocalCluster, type LocalCluster } from "../helpers/local-cluster.ts";
import { serviceBinary, skipReason } from "../helpers/service.ts";

const slow = 240_000;
const withRedis = serviceBinary("redis-server") ? test : test.skip;
let cluster: LocalCluster;

beforeAll(async () => {
  if (!serviceBinary("redis-server")) return;
  cluster = await startLocalCluster({ nodes: 2, replicas: 2, zones: ["a", "b"], cache: "redis" });
}, slow);
afterAll(() => cluster?.stop(), slow);

/** Limits are what a machine that is busy with other things still meets. The zone comes back when the warming has ended, however long that takes. */
const experiment = {
  routing: { hedge: "off" },
  setup: { points: 200, dim: 16, clusters: 8 },
  load: {
    warmup: "1s",
    timeout: "5s",
    scenarios: {
      search: { executor: "constant-arrival-rate", rate: "5/s", operation: { kind: "search", k: 5 } },
      lookup: {
        executor: "constant-arrival-rate",
        rate: "40/s",
        operation: { kind: "cache", keys: 60, valueBytes: "100B", ttl: "5m", fill: false, writes: "50%" },
        feed: { choice: "zipf" },
      },
    },
  },
  steadyState: { thresholds: { errors: "rate<50%" }, before: "4s", window: "2s" },
  method: [
    { fault: "zone-outage", zone: "b", for: "10m" },
    { warm: "lookup", zone: "other", timeout: "2m" },
    { command: ["touch", "warm-now"] },
  ],
  stopCommand: "test ! -e warm-now",
  recovery: { within: "60s", stay: "1s" },
  objectives: [],
};

withRedis(
  `a zone goes, and its cache with it: lookups go to the other zone's, which is warmed with what they ask${skipReason("redis-server")}`,
  { timeout: slow },
  async () => {
    writeFileSync(join(cluster.dir, "x.yaml"), stringify(experiment));
    const run = await cluster.cli(["chaos", "run", "x.yaml", "--yes", "--json", "--markdown", "r.md"], { timeoutMs: slow });
    const document = run.json();
    expect(schemaProblems("chaos run", document)).toEqual([]);
    const { result } = document;
    const [outage, warm] = result.steps;
    expect(outage, run.stderr).toMatchObject({ nodes: ["n2", "cache-b"], fault: { fault: "zone-outage" } });
    expect(outage.fault.healedMs).not.toBeNull();
    expect(warm, run.stderr).toMatchObject({
      name: "warm the cache of zone a",
      kind: "warm",
      outcome: "done",
      warming: { zone: "a", failed: 0 },
    });
    const { warming } = warm;
    expect(warming.planned).toBeGreaterThan(10);
    expect(warming.warmed + warming.skipped).toBe(warming.planned);
    // Of what is asked later nearly all has been asked before.
    expect(warming.hitRateAfter).toBeGreaterThan(0.5);
    expect(warming.hitRateAfter).toBeGreaterThanOrEqual(warming.hitRateBefore);
    const told = result.timeline.map(({ kind, name, phase }: any) => `${kind} ${name} ${phase}`);
    expect(told).toContain("step warm the cache of zone a start");
    expect(told).toContain("step warm the cache of zone a end");
    expect(readFileSync(join(cluster.dir, "r.md"), "utf8")).toContain("questions warmed");
    // Nobody's lookup failed for the want of a cache.
    expect(result.load.perScenario.find(({ name }: any) => name === "lookup").counts.errors).toBe(0);
  },
);

withRedis(`the other commands find each zone's cache${skipReason("redis-server")}`, { timeout: slow }, async () => {
  const { targets } = (await cluster.cli(["chaos", "targets", "--json"])).json().result;
  expect(targets.flatMap(({ id, role, zone }: any) => (role === "cache" ? [[id, zone]] : []))).toEqual([
    ["cache", "a"],
    ["cache-b", "b"],
  ]);
  const server = async (zone: string) => {
    const run = await cluster.cli(["cache", "stats", "--zone", zone, "--json"]);
    return run.json().result.nodes[0].address as string;
  };
  expect(await server("a")).not.toBe(await server("b"));
  expect(await cluster.cli(["cache", "stats", "--zone", "c", "--json"])).toMatchObject({ exitCode: 2 });
});
