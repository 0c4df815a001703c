import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { freePort } from "./free-port.ts";
import { startRedis, type TestRedis } from "./redis.ts";

const run = promisify(execFile);

export interface TestRedisCluster {
  nodes: TestRedis[];
  /** For `cache.cluster` of a config. */
  urls: string[];
  /** Ports of the primaries now, as a living node says. */
  primaries(): Promise<number[]>;
  /** The node that listens there. */
  at(port: number): TestRedis;
  /** What `redis-cli -p PORT ARGS` prints. */
  cli(port: number, ...args: string[]): Promise<string>;
  stop(): Promise<void>;
}

/**
 * A real Redis Cluster on loopback: three primaries, a replica each (about 2 s). Needs redis-server and redis-cli on PATH. A primary that is killed is replaced after about
 * `nodeTimeoutMs`.
 */
export async function startRedisCluster({
  nodeTimeoutMs = 2000,
  args = [] as readonly string[],
} = {}): Promise<TestRedisCluster> {
  const nodes: TestRedis[] = [];
  const stop = async () => void (await Promise.all(nodes.map((node) => node.stop())));
  try {
    const clustered = ["--cluster-enabled", "yes", "--cluster-node-timeout", String(nodeTimeoutMs), ...args];
    // Only a replica that has been filled may take over: five seconds after it was made, unless told otherwise.
    clustered.push("--repl-diskless-sync-delay", "0");
    // One after the other: two at once may be given the same free port. Its own choice for the bus, 10,000 above, may not exist.
    while (nodes.length < 6) nodes.push(await startRedis([...clustered, "--cluster-port", String(await freePort())]));
    const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
    await run("redis-cli", ["--cluster", "create", ...addresses, "--cluster-replicas", "1", "--cluster-yes"]);
    const cli = async (port: number, ...args: string[]) =>
      (await run("redis-cli", ["-p", String(port), ...args], { maxBuffer: 2 ** 26 })).stdout;
    await until(async () => (await Promise.all(nodes.map(({ port }) => seesAll(port, cli)))).every(Boolean));
    return {
      nodes,
      urls: nodes.map(({ url }) => url),
      at: (port) => nodes.find((node) => node.port === port)!,
      cli,
      async primaries() {
        for (const { port } of nodes) {
          const text = await cli(port, "cluster", "nodes").catch(() => undefined);
          if (text === undefined) continue;
          const lines = text.split("\n").filter((line) => /\bmaster\b/.test(line) && !/fail|noaddr/.test(line));
          return lines.map((line) => Number(/:(\d+)@/.exec(line)![1]));
        }
        throw new Error("no node of the cluster answers");
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function seesAll(port: number, cli: TestRedisCluster["cli"]): Promise<boolean> {
  const [info, members, replication] = await Promise.all([
    cli(port, "cluster", "info"),
    cli(port, "cluster", "nodes"),
    cli(port, "info", "replication"),
  ]);
  if (!/master_link_status:up|slave0:.*state=online/.test(replication)) return false;
  const replicas = members.split("\n").filter((line) => /\bslave\b/.test(line)).length;
  return info.includes("cluster_state:ok") && info.includes("cluster_slots_ok:16384") && replicas === 3;
}

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 600; turn++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error("the cluster did not come up within a minute");
}
