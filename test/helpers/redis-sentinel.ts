import { execFile, spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";
import { startRedis, type TestRedis } from "./redis.ts";
import { serviceBinary } from "./service.ts";

const run = promisify(execFile);

export interface TestSentinel {
  /** Of the service, for `cache.sentinel.name` of a config. */
  name: string;
  /** Of the sentinel. */
  url: string;
  /** Three servers; which of them is the primary the sentinel says. */
  servers: TestRedis[];
  primary(): Promise<TestRedis>;
  /** What `redis-cli -p PORT ARGS` prints. */
  cli(port: number, ...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

/** A real primary with two replicas that have been filled, and one sentinel, which alone decides after half a second without an answer. Needs redis-server and redis-cli on PATH. */
export async function startSentinel(): Promise<TestSentinel> {
  const name = "main";
  const dir = mkdtempSync(join(tmpdir(), "ragctl-sentinel-"));
  const servers: TestRedis[] = [];
  let sentinel: ChildProcess | undefined;
  const cli = async (port: number, ...args: string[]) => (await run("redis-cli", ["-p", String(port), ...args])).stdout;
  const stop = async () => {
    sentinel?.kill("SIGKILL");
    await Promise.all(servers.map((each) => each.stop()));
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    const atOnce = ["--repl-diskless-sync-delay", "0"];
    const first = await startRedis(atOnce);
    servers.push(first);
    while (servers.length < 3) servers.push(await startRedis([...atOnce, "--replicaof", "127.0.0.1", String(first.port)]));
    // A sentinel looks for replicas when it starts, and then every ten seconds.
    await until(async () => (await cli(first.port, "info", "replication")).split("state=online").length === 3);
    const port = await freePort();
    const conf = [
      `port ${port}`,
      "bind 127.0.0.1",
      `dir ${dir}`,
      `sentinel monitor ${name} 127.0.0.1 ${first.port} 1`,
      `sentinel down-after-milliseconds ${name} 500`,
      `sentinel failover-timeout ${name} 5000`,
    ];
    writeFileSync(join(dir, "sentinel.conf"), conf.join("\n"));
    sentinel = spawn(serviceBinary("redis-server")!, [join(dir, "sentinel.conf"), "--sentinel"], { stdio: "ignore" });
    await until(async () => {
      const replicas = await cli(port, "sentinel", "replicas", name).catch(() => "");
      return servers.slice(1).every((each) => replicas.includes(String(each.port)));
    });
    const primary = async () => {
      const said = (await cli(port, "sentinel", "get-master-addr-by-name", name)).split("\n");
      return servers.find((each) => String(each.port) === said[1]!.trim())!;
    };
    return { name, url: `redis://127.0.0.1:${port}`, servers, primary, cli, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 600; turn++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the sentinel did not know its replicas within a minute");
}
