import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Redis } from "ioredis";
import { freePort } from "../helpers/free-port.ts";
import { readRun, runIds } from "../../src/runs/index.ts";
import { serviceBinary, skipReason } from "../helpers/service.ts";
import { collection, startShardCluster, type ShardCluster } from "./shard-set-up.ts";

const binary = serviceBinary("redis-server");
let dir: string;
let port: number;
let redis: ChildProcess | undefined;
let cluster: ShardCluster | undefined;

async function startRedis(): Promise<void> {
  const args = [
    "--port",
    String(port),
    "--bind",
    "127.0.0.1",
    "--dir",
    dir,
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
    "--save",
    "",
  ];
  redis = spawn(binary!, args, { stdio: "ignore" });
  const client = new Redis(port, "127.0.0.1", { retryStrategy: () => 50, maxRetriesPerRequest: null });
  client.on("error", () => undefined);
  await client.ping();
  client.disconnect();
}

async function stopRedis(): Promise<void> {
  const child = redis;
  redis = undefined;
  if (!child || child.exitCode !== null) return;
  child.kill("SIGKILL");
  await once(child, "exit");
}

beforeAll(async () => {
  if (!binary) return;
  dir = mkdtempSync(join(tmpdir(), "ragctl-redis-"));
  port = await freePort();
  await startRedis();
  cluster = await startShardCluster({
    nodes: 2,
    replicas: 1,
    change: (config) => (config["state"] = { driver: "redis", url: `redis://127.0.0.1:${port}` }),
  });
}, 120_000);
afterAll(async () => {
  await cluster?.stop();
  await stopRedis();
  if (binary) rmSync(dir, { recursive: true, force: true });
}, 60_000);

test.skipIf(!binary)(
  `the state's Redis vanishes between copy and cut-over: exit 5, and --resume works${skipReason("redis-server")}`,
  { timeout: 120_000 },
  async () => {
    const { stateDir } = cluster!;
    const cli = (argv: string[]) => cluster!.cli(argv);
    // up registers new nodes in its own state file alone: here the plan brings the node.
    expect((await cli(["shard", "plan", "--collection", collection, "--add", "n3", "-o", "plan.json"])).exitCode).toBe(0);
    const before = new Set(runIds(stateDir));
    const running = cluster!.start(["shard", "apply", "plan.json", "--yes", "--max-rate", "100/s", "--json"]);
    const copying = () => {
      const id = runIds(stateDir).find((one) => !before.has(one));
      return id !== undefined && readRun(stateDir, id).events.some(({ name }) => name === "copy-1/copy");
    };
    while (!copying()) await new Promise((resolve) => setTimeout(resolve, 20));
    await stopRedis();
    const run = await running.ended;
    expect(run.exitCode, run.stdout).toBe(5);
    expect(run.json().error.message).toContain("half done");
    expect(run.json().error.hint).toContain("--resume");
    await startRedis();
    const resumed = await cli(["shard", "apply", "plan.json", "--resume", "--json"]);
    expect(resumed.exitCode, resumed.stdout).toBe(0);
    expect(resumed.json().result).toMatchObject({ state: "finished", resumed: true });
    expect((await cli(["shard", "verify", "--collection", collection, "--json"])).json().result).toMatchObject({
      clean: true,
      checked: 300,
    });
  },
);
