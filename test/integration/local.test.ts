import { spawnSync } from "node:child_process";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { identify, isAlive } from "../../src/process-identity.ts";
import { serviceBinary, skipReason } from "../helpers/service.ts";
import { realClock } from "../../src/runtime.ts";
import { openStateStore } from "../../src/state/index.ts";
import { packageRoot } from "../../src/version.ts";
import {
  makeWorkspace,
  readJson,
  startLocalCluster,
  supervisorOf,
  type LocalCluster,
  type Workspace,
} from "../helpers/local-cluster.ts";

const slow = 120_000;

async function workspace(): Promise<Workspace> {
  const made = await makeWorkspace();
  onTestFinished(() => made.stop());
  return made;
}

const pidsOf = (where: Pick<Workspace, "dir">) =>
  Object.fromEntries(Object.entries(supervisorOf(where).processes).map(([id, { pid }]) => [id, pid]));

async function createCollection(url: string, name: string): Promise<void> {
  const body = JSON.stringify({ vectors: { size: 4, distance: "Cosine" } });
  const answer = await fetch(`${url}/collections/${name}`, {
    method: "PUT",
    body,
    headers: { "content-type": "application/json" },
  });
  expect(answer.status).toBe(200);
}

/** A routing table as ingest would make one. */
async function createTable(dir: string, nodes: any[], replicas: number): Promise<void> {
  const store = await openStateStore({ driver: "sqlite" }, { clusterName: "local", baseDir: dir, clock: realClock });
  await store.createTable({
    schemaVersion: 1,
    collection: "docs",
    partitioner: { kind: "ring", virtualNodes: 150, hash: "xxh32" },
    replicas,
    members: nodes.map(({ id }) => id),
    nodes: Object.fromEntries(nodes.map(({ id, url }) => [id, { url, weight: 1, state: "serving" as const }])),
    moves: [],
    vector: { size: 4, distance: "Cosine" },
  });
  await store.close();
}

describe("a local cluster", () => {
  let cluster: LocalCluster;
  beforeAll(async () => {
    cluster = await startLocalCluster({ nodes: 2, replicas: 2 });
  }, slow);
  afterAll(() => cluster.stop(), slow);

  test("every node answers, and status says so", async () => {
    expect(cluster.status).toMatchObject({ cluster: "local", topology: "routed", collections: [], cache: { driver: "memory" } });
    expect(cluster.status.nodes.map(({ id, health, points }: any) => [id, health, points])).toEqual([
      ["n1", "healthy", 0],
      ["n2", "healthy", 0],
    ]);
    const run = await cluster.cli(["status"]);
    expect(run.exitCode).toBe(0);
    expect(run.stdout).toContain("cluster local · routed · 2 nodes: all healthy");
    expect(run.stderr).toContain("cluster local (.ragctl/cluster.json)");
  });

  test("again, it changes nothing, from two processes at once", async () => {
    const before = pidsOf(cluster);
    const runs = await Promise.all([cluster.cli(["up", "--json"]), cluster.cli(["up", "--json"])]);
    expect(runs.map(({ exitCode }) => exitCode)).toEqual([0, 0]);
    expect(pidsOf(cluster)).toEqual(before);
  });

  test("a dead node: status exits 3 with the result, up brings it back", async () => {
    const { n1, n2 } = pidsOf(cluster);
    process.kill(n2!, "SIGKILL");
    await expect.poll(() => identify(n2!), { timeout: 10_000 }).toBeUndefined();
    const status = await cluster.cli(["status", "--json"]);
    expect(status.exitCode).toBe(3);
    expect(status.json().result.nodes.map(({ health }: any) => health)).toEqual(["healthy", "dead"]);
    const up = await cluster.cli(["up"]);
    expect(up).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("n2 was not running: started again") });
    expect(pidsOf(cluster)["n1"]).toBe(n1);
    expect((await cluster.cli(["status"])).exitCode).toBe(0);
  });

  test("a node that hangs is unhealthy", async () => {
    const { n2 } = pidsOf(cluster);
    process.kill(n2!, "SIGSTOP");
    try {
      const status = await cluster.cli(["status", "--json"]);
      expect(status.exitCode).toBe(3);
      expect(status.json().result.nodes[1].health).toBe("unhealthy");
    } finally {
      process.kill(n2!, "SIGCONT");
    }
  });

  test("kill -9 of the supervisor: the next up adopts its nodes", async () => {
    const before = pidsOf(cluster);
    const dead = supervisorOf(cluster).supervisor;
    process.kill(dead.pid, "SIGKILL");
    await expect.poll(() => isAlive(dead), { timeout: 10_000 }).toBe(false);
    const up = await cluster.cli(["up"]);
    expect(up).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("takes over what still runs (n1, n2, proxy)") });
    expect(pidsOf(cluster)).toEqual(before);
    expect(isAlive(supervisorOf(cluster).supervisor)).toBe(true);
  });

  test("what it refuses, it refuses with a sentence", async () => {
    const fewer = await cluster.cli(["up", "--nodes", "1"]);
    expect(fewer).toMatchObject({ exitCode: 7, stderr: expect.stringContaining("ragctl down --delete") });
    const many = await cluster.cli(["up", "--replicas", "5", "--json"]);
    expect(many.json().error).toMatchObject({ code: "usage", details: [{ path: "--replicas" }] });
    const watch = await cluster.cli(["status", "--watch"]);
    expect(watch).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("draws on a terminal") });
  });

  test("more nodes join every table, owning nothing; then replicas are fixed", async () => {
    await createTable(cluster.dir, cluster.status.nodes, 2);
    for (const { url } of cluster.status.nodes) await createCollection(url, "docs");
    const up = await cluster.cli(["up", "--nodes", "3"]);
    expect(up).toMatchObject({
      exitCode: 0,
      stderr: expect.stringContaining("joining, and owning nothing until a plan brings them in: n3 (docs)"),
    });
    const { nodes, collections } = (await cluster.cli(["status", "--json"])).json().result;
    expect(nodes.map(({ collections: { docs } }: any) => docs.state)).toEqual(["serving", "serving", "joining"]);
    expect(collections).toEqual([{ name: "docs", copies: 0, replicas: 2, epoch: 2, routed: true }]);
    const replicas = await cluster.cli(["up", "--replicas", "3"]);
    expect(replicas).toMatchObject({ exitCode: 7, stderr: expect.stringContaining("collection docs has 2 replicas") });
  });

  test("down keeps the data, up brings it back on the same ports", async () => {
    const [{ url }] = cluster.status.nodes;
    const pids = Object.values(pidsOf(cluster));
    const { supervisor } = supervisorOf(cluster);
    const down = await cluster.cli(["down", "--json"]);
    expect(down.json().result).toMatchObject({ stopped: 3, deleted: false });
    expect(pids.map((pid) => identify(pid))).toEqual([undefined, undefined, undefined, undefined]);
    expect(isAlive(supervisor)).toBe(false);
    expect((await cluster.cli(["down"])).stdout).toContain("nothing was running");
    const up = await cluster.cli(["up", "--json"]);
    expect(up.json().result.nodes[0].url).toBe(url);
    expect(up.json().result.nodes[0].collections).toHaveProperty("docs");
  });

  test("down --delete leaves nothing of it, and the state of other clusters alone", async () => {
    const other = join(cluster.dir, ".ragctl", "prod.state.sqlite");
    writeFileSync(other, "not ours");
    const down = await cluster.cli(["down", "--delete"]);
    expect(down.exitCode).toBe(0);
    expect(readdirSync(join(cluster.dir, ".ragctl"))).toEqual(["prod.state.sqlite"]);
    const again = await cluster.cli(["down"]);
    expect(again).toMatchObject({ exitCode: 0, stdout: expect.stringContaining("nothing to stop") });
  });
});

test("kill -9 of the supervisor, then down: nothing is left running", { timeout: slow }, async () => {
  const cluster = await startLocalCluster({ nodes: 1 });
  onTestFinished(() => cluster.stop());
  const { supervisor, processes } = supervisorOf(cluster);
  process.kill(supervisor.pid, "SIGKILL");
  const down = await cluster.cli(["down", "--delete", "--json"]);
  expect(down.json().result.stopped).toBe(1);
  expect(Object.values(processes).some(isAlive)).toBe(false);
  expect(existsSync(join(cluster.dir, ".ragctl"))).toBe(false);
});

test("a pid that another process has by now is not touched by down", { timeout: slow }, async () => {
  const where = await workspace();
  const self = identify(process.pid)!;
  mkdirSync(join(where.dir, ".ragctl"));
  const stale = { ...self, startTime: "another/1" };
  const file = {
    schemaVersion: 1,
    clusterId: "c1",
    supervisor: stale,
    socket: join(where.dir, "none.sock"),
    processes: { n1: stale },
  };
  writeFileSync(join(where.dir, ".ragctl", "supervisor.json"), JSON.stringify(file));
  const down = await where.cli(["down", "--json"]);
  expect(down.json().result.stopped).toBe(0);
  expect(isAlive(self)).toBe(true);
});

test("a port that is taken: said with the port, nothing is left", { timeout: slow }, async () => {
  const where = await workspace();
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  const up = await where.cli(["up", "--nodes", "1", "--port-base", String(port)]);
  expect(up).toMatchObject({ exitCode: 2, stderr: expect.stringContaining(`port ${port}, for n1, is taken`) });
  expect(existsSync(join(where.dir, ".ragctl"))).toBe(false);
});

test("a very long directory: the socket goes where its path fits", { timeout: slow }, async () => {
  const where = await workspace();
  const deep = join(where.dir, "d".repeat(60), "e".repeat(60));
  mkdirSync(deep, { recursive: true });
  const inside = { ...where, dir: deep };
  const run = (...argv: string[]) =>
    spawnSync(process.execPath, [join(packageRoot, "bin", "ragctl.ts"), ...argv], {
      cwd: deep,
      env: where.env,
      encoding: "utf8",
    });
  try {
    expect(run("up", "--nodes", "1")).toMatchObject({ status: 0 });
    expect(Buffer.byteLength(supervisorOf(inside).socket)).toBeLessThan(104);
  } finally {
    expect(run("down", "--delete")).toMatchObject({ status: 0 });
  }
});

describe("engines and caches that are programs of their own", () => {
  test("no such program on PATH: exit 2, said which", { timeout: slow }, async () => {
    const where = await workspace();
    const qdrant = await where.cli(["up", "--engine", "qdrant"], { env: { PATH: "/nonexistent" } });
    expect(qdrant).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("the qdrant found on PATH, and there is none") });
    const redis = await where.cli(["up", "--cache", "redis"], { env: { PATH: "/nonexistent" } });
    expect(redis).toMatchObject({ exitCode: 2, stderr: expect.stringContaining("redis-server") });
    expect(existsSync(join(where.dir, ".ragctl"))).toBe(false);
  });

  async function withFakeQdrant() {
    const where = await workspace();
    const bin = join(where.dir, "bin");
    mkdirSync(bin);
    copyFileSync(join(import.meta.dirname, "..", "helpers", "fake-qdrant.mjs"), join(bin, "qdrant"));
    chmodSync(join(bin, "qdrant"), 0o755);
    return { where, PATH: `${bin}:${process.env["PATH"]}` };
  }

  test("qdrant: started with ports and paths of its own, spoken to as any Qdrant", { timeout: slow }, async () => {
    const { where, PATH } = await withFakeQdrant();
    const up = await where.cli(["up", "--engine", "qdrant", "--nodes", "2", "--json"], { env: { PATH } });
    expect(up.exitCode, up.stdout).toBe(0);
    expect(up.json().result.nodes.map(({ version }: any) => version)).toEqual(["1.19.0", "1.19.0"]);
    const { nodes } = readJson(join(where.dir, ".ragctl", "local.json"));
    expect(new Set(nodes.flatMap(({ port, morePorts }: any) => [port, morePorts].flat())).size).toBe(4);
  });

  test(
    "one that ends before it answers: exit 3 with the end of its log, and nothing is left running",
    { timeout: slow },
    async () => {
      const { where, PATH } = await withFakeQdrant();
      const up = await where.cli(["up", "--engine", "qdrant"], { env: { PATH, FAKE_QDRANT_EXIT: "9" } });
      expect(up.exitCode).toBe(3);
      expect(up.stderr).toMatch(/n\d ended with exit code 9 before it answered\n {2}\| fake qdrant: told to fail/);
      expect(existsSync(join(where.dir, ".ragctl", "supervisor.json"))).toBe(false);
      expect(existsSync(join(where.dir, ".ragctl", "local.json"))).toBe(false);
    },
  );

  test("the first Ctrl-C stops what this up started", { timeout: slow }, async () => {
    const { where, PATH } = await withFakeQdrant();
    const { child, ended } = where.start(["up", "--engine", "qdrant", "--nodes", "2"], {
      env: { PATH, FAKE_QDRANT_NEVER_READY: "1" },
    });
    const file = join(where.dir, ".ragctl", "supervisor.json");
    await expect.poll(() => existsSync(file) && Object.keys(readJson(file).processes).length, { timeout: 30_000 }).toBe(3);
    const { supervisor, processes } = readJson(file);
    child.kill("SIGINT");
    expect((await ended).exitCode).toBe(130);
    expect([supervisor, ...Object.values(processes as object)].some((identity) => isAlive(identity))).toBe(false);
    expect(existsSync(join(where.dir, ".ragctl"))).toBe(false);
  });

  test.skipIf(!serviceBinary("redis-server"))(
    `redis: started beside the nodes, pinged, measured, stopped${skipReason("redis-server")}`,
    { timeout: slow },
    async () => {
      const cluster = await startLocalCluster({ nodes: 1, cache: "redis" });
      onTestFinished(() => cluster.stop());
      expect(cluster.status.cache).toMatchObject({ driver: "redis", ok: true, maxBytes: 64 * 2 ** 20 });
      const pid = pidsOf(cluster)["cache"]!;
      process.kill(pid, "SIGKILL");
      await expect.poll(() => identify(pid), { timeout: 10_000 }).toBeUndefined();
      expect((await cluster.cli(["status"])).exitCode).toBe(3);
      expect((await cluster.cli(["up", "--cache", "memory", "--json"])).json().result.cache.driver).toBe("memory");
      expect(Object.keys(pidsOf(cluster))).toEqual(["n1", "proxy"]);
    },
  );
});

test("the supervisor of a directory that was deleted ends, and takes its nodes along", { timeout: slow }, async () => {
  const cluster = await startLocalCluster({ nodes: 1 });
  onTestFinished(() => cluster.stop());
  const { supervisor, processes } = supervisorOf(cluster);
  rmSync(join(cluster.dir, ".ragctl"), { recursive: true, force: true });
  await expect.poll(() => [supervisor, ...Object.values(processes)].some(isAlive), { timeout: 20_000 }).toBe(false);
});

test("logs are there to be read", { timeout: slow }, async () => {
  const cluster = await startLocalCluster({ nodes: 1 });
  onTestFinished(() => cluster.stop());
  expect(readFileSync(join(cluster.dir, ".ragctl", "logs", "supervisor.log"), "utf8")).toContain("n1: started as pid");
  expect(readFileSync(join(cluster.dir, ".ragctl", "logs", "n1.log"), "utf8")).toContain('"listening"');
});
