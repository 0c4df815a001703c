import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { stringify } from "yaml";
import { connectCluster } from "../../src/cluster/index.ts";
import { resolveCluster } from "../../src/config/resolve.ts";
import { windowsFile } from "../../src/load/windows/file.ts";
import { isAlive } from "../../src/process-identity.ts";
import { callProxies } from "../../src/proxy/client.ts";
import type { Impairment } from "../../src/proxy/contract.ts";
import { realClock, seededRng } from "../../src/runtime.ts";
import { runIds } from "../../src/runs/index.ts";
import { fakeRuntime } from "../helpers/fake-runtime.ts";
import { makeWorkspace, readJson, startLocalCluster, supervisorOf, type LocalCluster } from "../helpers/local-cluster.ts";
import { clusteredVectors } from "../helpers/vectors.ts";

const slow = 180_000;
const size = 32;
let cluster: LocalCluster;

beforeAll(async () => {
  cluster = await startLocalCluster({ nodes: 3, replicas: 2 });
  const resolved = await resolveCluster(fakeRuntime({ cwd: cluster.dir }), { config: undefined, cluster: undefined });
  const client = await connectCluster(resolved, { clock: realClock, rng: seededRng(1), purpose: "test", cwd: cluster.dir });
  const next = clusteredVectors({ size, clusters: 12, seed: 9 });
  await client.ensureCollection("docs", { size, distance: "Cosine" });
  await client.upsert(
    "docs",
    Array.from({ length: 600 }, (_, i) => ({ key: `doc-${i}`, vector: next() })),
  );
  await client.close();
}, slow);
afterAll(() => cluster.stop(), slow);

const socket = () => join(cluster.dir, ".ragctl", "proxy.sock");
const urlOf = (node: string): string => cluster.status.nodes.find(({ id }: any) => id === node).url;

async function impairmentsOf(node: string): Promise<Impairment[]> {
  try {
    const { proxies } = await callProxies(socket(), { op: "status" }, { timeoutMs: 5_000 });
    return proxies.find(({ name }) => name === node)?.impairments ?? [];
  } catch {
    return [];
  }
}

async function until(what: () => boolean | Promise<boolean>, timeoutMs = 60_000): Promise<void> {
  const endMs = performance.now() + timeoutMs;
  while (!(await what())) {
    if (performance.now() > endMs) throw new Error(`not within ${timeoutMs} ms: ${String(what)}`);
    await realClock.sleep(20);
  }
}

/** Starts a fault that lasts until the test ends. */
async function injected(argv: string[]): Promise<() => Promise<any>> {
  const { child, ended } = cluster.start(["chaos", ...argv, "--for", "10m", "--json"]);
  const stop = async () => {
    child.kill("SIGINT");
    return (await ended).json();
  };
  onTestFinished(async () => void (await stop()));
  const node = argv[1]!;
  await until(async () => (await impairmentsOf(node)).length > 0 || child.exitCode !== null);
  if (child.exitCode !== null) throw new Error((await ended).stdout);
  return stop;
}

test("a proxy stands before each node; its socket is for this user alone", () => {
  const { nodes, proxies } = readJson(join(cluster.dir, ".ragctl", "local.json"));
  expect(proxies).toBe(true);
  for (const { id, port, ownPort } of nodes) {
    expect(urlOf(id)).toBe(`http://127.0.0.1:${port}`);
    expect(ownPort).not.toBe(port);
  }
  expect(statSync(socket()).mode & 0o777).toBe(0o600);
});

test("latency, as an independent client sees it", { timeout: slow }, async () => {
  const p50 = async () => {
    const took: number[] = [];
    for (let index = 0; index < 11; index++) {
      const startMs = performance.now();
      await (await fetch(`${urlOf("n2")}/readyz`)).text();
      took.push(performance.now() - startMs);
    }
    return took.toSorted((a, b) => a - b)[5]!;
  };
  const calmMs = await p50();
  const stop = await injected(["latency", "n2", "--delay", "400ms", "--jitter", "40ms"]);
  const addedMs = (await p50()) - calmMs;
  expect(addedMs).toBeGreaterThan(360);
  expect(addedMs).toBeLessThan(440);
  expect(await stop()).toMatchObject({ exitCode: 130, error: { details: { healed: true, probe: "gone" } } });
  expect(await p50()).toBeLessThan(200);
});

test("a partition from one address: two clients see different clusters", { timeout: slow }, async () => {
  await injected(["partition", "n1", "--from", "127.0.0.2"]);
  const seenFrom = async (env: Record<string, string>) =>
    (await cluster.cli(["status", "--json"], { env })).json().result.nodes.map(({ health }: any) => health);
  // Where a machine is too busy to connect in time, a node is dead at first.
  const seen = () => Promise.all([seenFrom({ RAGCTL_LOCAL_ADDRESS: "127.0.0.2" }), seenFrom({})]);
  await expect.poll(seen, { timeout: 60_000 }).toEqual([
    ["unhealthy", "healthy", "healthy"],
    ["healthy", "healthy", "healthy"],
  ]);
  const bad = await cluster.cli(["status"], { env: { RAGCTL_LOCAL_ADDRESS: "everywhere" } });
  expect(bad).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("RAGCTL_LOCAL_ADDRESS") });
});

test(
  "kill -9 of the proxies during a fault: they come back, and so does the fault, until it is healed",
  { timeout: slow },
  async () => {
    // On all nodes: of one that no fault acts on, a guard would find that it is lost with the proxies, where they take long to come back.
    const stop = await injected(["latency", "n3", "n1", "n2", "--delay", "10ms", "--max-blast", "3"]);
    const before = supervisorOf(cluster).processes["proxy"]!;
    process.kill(before.pid, "SIGKILL");
    await until(() => !isAlive(before));
    await until(async () => (await impairmentsOf("n3")).length > 0);
    expect(supervisorOf(cluster).processes["proxy"]!.pid).not.toBe(before.pid);
    expect(await stop()).toMatchObject({ error: { details: { healed: true, probe: "gone" } } });
    expect(await impairmentsOf("n3")).toEqual([]);
    expect((await cluster.cli(["status"])).exitCode).toBe(0);
  },
);

test("kill -9 of the supervisor, then of the proxies: the next up has both again", { timeout: slow }, async () => {
  const { supervisor, processes } = supervisorOf(cluster);
  process.kill(supervisor.pid, "SIGKILL");
  await until(() => !isAlive(supervisor));
  // Without a supervisor the proxies still run, and can be used no more than healed.
  const refused = await cluster.cli(["chaos", "latency", "n1", "--delay", "1s", "--for", "1s"]);
  expect(refused).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("ragctl up") });
  process.kill(processes["proxy"]!.pid, "SIGKILL");
  const up = await cluster.cli(["up"]);
  expect(up).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("proxy was not running: started again") });
  expect((await cluster.cli(["status"])).exitCode).toBe(0);
});

test(
  "wrong answers at full speed: recall falls and the run fails on it, while latency and errors pass",
  { timeout: slow },
  async () => {
    const profile = {
      warmup: "200ms",
      timeout: "20s",
      scenarios: {
        reads: {
          executor: "constant-arrival-rate",
          rate: "40/s",
          duration: "2m",
          operation: { kind: "search", collection: "docs", k: 10, recall: {} },
        },
      },
      thresholds: {
        responseTime: "p99<20s",
        errors: "rate<1%",
        // It ends soon after it fails, however long the machine takes to get there.
        "recall@10": { threshold: "mean>0.9", abortOnFail: true, delay: "2s" },
      },
    };
    writeFileSync(join(cluster.dir, "wrong.yaml"), stringify(profile));
    const load = cluster.cli(["load", "wrong.yaml", "--json"], { timeoutMs: slow });
    const files = () => runIds(cluster.stateDir).map((id) => join(cluster.stateDir, "runs", id, windowsFile));
    const windows = () => files().flatMap((file) => (existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(1) : []));
    await until(() => windows().length >= 2);
    // Some windows were right. The replicas are wrong too, or merging would hide it.
    await injected(["wrong-answers", "n1", "n2", "n3", "--drop", "70%", "--max-blast", "3"]);
    const run = await load;
    const { result } = run.json();
    expect(run.exitCode).toBe(4);
    expect(result.verdict).toBe("fail");
    const failed = result.thresholds.filter(({ ok }: any) => !ok).map(({ expression }: any) => expression);
    expect([result.thresholds.length, failed]).toEqual([3, [expect.stringContaining("recall@10")]]);
    expect(result.counts.errors).toBe(0);
    const recalls = result.windows.flatMap(({ recall }: any) => (recall?.["recall@10"] ? [recall["recall@10"].mean] : []));
    expect(Math.max(...recalls)).toBeGreaterThan(0.9);
    expect(Math.min(...recalls)).toBeLessThan(0.8);
  },
);

test(
  "without proxies: nodes are reached directly, chaos says what is missing, and the choice stays",
  { timeout: slow },
  async () => {
    const where = await makeWorkspace();
    onTestFinished(() => where.stop());
    expect((await where.cli(["up", "--nodes", "1", "--no-proxies"])).exitCode).toBe(0);
    expect(Object.keys(supervisorOf(where).processes)).toEqual(["n1"]);
    const [{ port, ownPort }] = readJson(join(where.dir, ".ragctl", "local.json")).nodes;
    expect([typeof port, ownPort]).toEqual(["number", undefined]);
    const latency = await where.cli(["chaos", "latency", "n1", "--delay", "1s", "--for", "1s"]);
    expect(latency).toMatchObject({ exitCode: 3, stderr: expect.stringContaining("no fault proxies") });
    expect((await where.cli(["up", "--nodes", "2"])).exitCode).toBe(0);
    expect(Object.keys(supervisorOf(where).processes)).toEqual(["n1", "n2"]);
    const other = await cluster.cli(["up", "--no-proxies"]);
    expect(other).toMatchObject({ exitCode: 7, stderr: expect.stringContaining("--no-proxies") });
  },
);

test("a node that joins gets a proxy of its own, and connections of others live on", { timeout: slow }, async () => {
  const before = supervisorOf(cluster).processes["proxy"]!;
  const up = await cluster.cli(["up", "--nodes", "4", "--json"]);
  expect(up.exitCode, up.stdout).toBe(0);
  expect(supervisorOf(cluster).processes["proxy"]).toEqual(before);
  const { proxies } = await callProxies(socket(), { op: "status" }, { timeoutMs: 5_000 });
  expect(proxies.map(({ name, listening }) => [name, listening])).toEqual(["n1", "n2", "n3", "n4"].map((name) => [name, true]));
});
