import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createConnection } from "node:net";
import { join } from "node:path";
import { readJson, type LocalCluster } from "./local-cluster.ts";
import { serviceBinary } from "./service.ts";

/**
 * The faults that `test/conformance/fault-suite.ts` breaks an `up` cluster with, in a table.
 *
 * To have a new fault, or a new way of it, held to the contract (it breaks, its probe says so, it is gone after a heal, after
 * `kill -9` of ragctl at any moment, and by the next command after `kill -9` of the watchdog too), add a line to `faultCases`:
 * what to type, which nodes it hits, and an `observe` of your own that sees from outside whether a node is broken, never
 * through ragctl or the fault's own probe. A fault of the registry that cannot run on an `up` cluster goes to `elsewhere`,
 * with the reason; one that is in neither table fails the suite.
 */
export interface FaultCase {
  title: string;
  /** Of the registry. */
  fault: string;
  /** After `ragctl chaos`; the suite adds `--for`. */
  argv: readonly string[];
  /** Ids of what it is injected into: one record each. */
  targets: readonly string[];
  /** Whether a client sees the fault on that target now; "unclear" where one look cannot tell. */
  observe: (cluster: LocalCluster, target: string) => Promise<"broken" | "whole" | "unclear">;
  /** Why it cannot run here; undefined: it can. */
  skip?: string;
}

/** One look at a node from outside, on a connection of its own. A node that hangs takes the whole of `lookMs`. */
const lookMs = 700;

async function answersReady(cluster: LocalCluster, node: string): Promise<"broken" | "whole"> {
  try {
    const signal = AbortSignal.timeout(lookMs);
    const response = await fetch(`${urlOf(cluster, node)}/readyz`, { signal, headers: { connection: "close" } });
    await response.text();
    return response.ok ? "whole" : "broken";
  } catch {
    return "broken";
  }
}

/** Delays of half a second and more are seen for certain, and what a busy machine adds is not taken for one. */
async function answersSoon(cluster: LocalCluster, node: string): Promise<"broken" | "whole" | "unclear"> {
  const startMs = performance.now();
  const answered = await answersReady(cluster, node);
  if (answered === "broken") return "broken";
  const tookMs = performance.now() - startMs;
  return tookMs < delayMs / 2 ? "whole" : tookMs < delayMs ? "unclear" : "broken";
}
const delayMs = 500;

/** Whether a search finds what is there: three points of a collection that is made where it is missing. */
async function findsAll(cluster: LocalCluster, node: string): Promise<"broken" | "whole" | "unclear"> {
  const call = async (method: string, path: string, body: unknown) => {
    const response = await fetch(`${urlOf(cluster, node)}/collections/looked-at${path}`, {
      method,
      body: JSON.stringify(body),
      headers: { "content-type": "application/json", connection: "close" },
      signal: AbortSignal.timeout(5_000),
    });
    return { status: response.status, answer: (await response.json()) as { result?: { points?: unknown[] } } };
  };
  const search = () => call("POST", "/points/query", { query: [1, 0, 0, 0], limit: 3 });
  try {
    let found = await search();
    if (found.status === 404) {
      await call("PUT", "", { vectors: { size: 4, distance: "Cosine" } });
      const points = [1, 2, 3].map((id) => ({ id, vector: [id, 1, 0, 0] }));
      await call("PUT", "/points?wait=true", { points });
      found = await search();
    }
    return found.answer.result?.points?.length === 3 ? "whole" : "broken";
  } catch {
    return "unclear";
  }
}

const burnersSeen = new Set<string>();

/** The file that takes the space beside the node's data, or a burner of that name that still runs. */
async function burnsThere(cluster: LocalCluster, node: string): Promise<"broken" | "whole"> {
  const files = readdirSync(join(cluster.dir, ".ragctl", "nodes", node)).filter((name) => name.startsWith(".ragctl-burn-"));
  for (const name of files) burnersSeen.add(name.slice(".ragctl-burn-".length));
  return files.length > 0 || [...burnersSeen].some(runsWith) ? "broken" : "whole";
}

/** Whether any process has this among its arguments; where there is no /proc, files must tell. */
function runsWith(argument: string): boolean {
  if (!existsSync("/proc/self/cmdline")) return false;
  return readdirSync("/proc").some((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").includes(argument);
    } catch {
      return false;
    }
  });
}

/** How long the cache takes to answer a PING, ms; undefined where it does not. */
function pingCacheMs(cluster: LocalCluster, port = portsOfCaches(cluster)[0]!): Promise<number | undefined> {
  const startMs = performance.now();
  return new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    const done = (answer: number | undefined) => {
      socket.destroy();
      resolve(answer);
    };
    socket.setTimeout(2 * lookMs, () => done(undefined));
    socket.on("connect", () => socket.write("PING\r\n"));
    socket.on("data", () => done(performance.now() - startMs));
    socket.on("error", () => done(undefined));
    socket.on("close", () => done(undefined));
  });
}

/** Where clients reach each Redis: that of the first zone, then the others'; none where the cache is in memory. */
function portsOfCaches(cluster: LocalCluster): number[] {
  const { cache } = readJson(join(cluster.dir, ".ragctl", "local.json"));
  const zones = Object.values((cache.zones ?? {}) as Record<string, { port: number }>);
  return cache.port === undefined ? [] : [cache.port, ...zones.map(({ port }) => port)];
}

async function cacheAnswers(cluster: LocalCluster, port?: number): Promise<"broken" | "whole"> {
  return (await pingCacheMs(cluster, port)) === undefined ? "broken" : "whole";
}

/** Of a zone: a node, or its cache. */
async function memberAnswers(cluster: LocalCluster, target: string): Promise<"broken" | "whole"> {
  return target === "cache-b" ? await cacheAnswers(cluster, portsOfCaches(cluster)[1]) : await answersReady(cluster, target);
}

/** Whether all nodes and caches answer. */
export async function allAnswer(cluster: LocalCluster): Promise<boolean> {
  const nodes: { id: string }[] = cluster.status.nodes;
  const seen = await Promise.all([
    ...nodes.map(({ id }) => answersReady(cluster, id)),
    ...portsOfCaches(cluster).map((port) => cacheAnswers(cluster, port)),
  ]);
  return seen.every((state) => state === "whole");
}

/** A cache that stalls for a part of each second may answer one PING at once: of some in a row, one waits. */
async function cacheAnswersSoon(cluster: LocalCluster): Promise<"broken" | "whole" | "unclear"> {
  let slowestMs = 0;
  for (let ping = 0; ping < 4; ping++) {
    slowestMs = Math.max(slowestMs, (await pingCacheMs(cluster)) ?? Number.POSITIVE_INFINITY);
    if (slowestMs >= 250) return "broken";
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return slowestMs < 150 ? "whole" : "unclear";
}

/** Cases of the cache need one that is a process of its own. */
const noRedis = serviceBinary("redis-server") ? {} : { skip: "no redis-server" };
const zoneB = ["n2", "n4", ...(serviceBinary("redis-server") ? ["cache-b"] : [])];

/** Where clients of the cluster reach this node. */
function urlOf(cluster: LocalCluster, node: string): string {
  return cluster.status.nodes.find(({ id }: { id: string }) => id === node).url;
}

export const faultCases: readonly FaultCase[] = [
  { title: "kill-node", fault: "kill-node", argv: ["kill-node", "n3"], targets: ["n3"], observe: answersReady },
  { title: "hang", fault: "hang", argv: ["hang", "n2"], targets: ["n2"], observe: answersReady },
  {
    title: "zone-outage by partition",
    fault: "zone-outage",
    argv: ["zone-outage", "b", "--yes"],
    targets: zoneB,
    observe: memberAnswers,
  },
  {
    title: "zone-outage by hanging",
    fault: "zone-outage",
    argv: ["zone-outage", "b", "--how", "hang", "--yes"],
    targets: zoneB,
    observe: memberAnswers,
  },
  {
    title: "zone-outage by killing",
    fault: "zone-outage",
    argv: ["zone-outage", "b", "--how", "kill", "--yes"],
    targets: zoneB,
    observe: memberAnswers,
  },
  { title: "partition", fault: "partition", argv: ["partition", "n2"], targets: ["n2"], observe: answersReady },
  {
    title: "latency",
    fault: "latency",
    argv: ["latency", "n3", "--delay", `${delayMs}ms`],
    targets: ["n3"],
    observe: answersSoon,
  },
  { title: "loss", fault: "loss", argv: ["loss", "n1", "--loss", "100%"], targets: ["n1"], observe: answersReady },
  {
    title: "bandwidth",
    fault: "bandwidth",
    argv: ["bandwidth", "n1", "--rate", "100/s"],
    targets: ["n1"],
    observe: answersReady,
  },
  { title: "reset", fault: "reset", argv: ["reset", "n2"], targets: ["n2"], observe: answersReady },
  {
    title: "wrong-answers",
    fault: "wrong-answers",
    argv: ["wrong-answers", "n4", "--drop", "100%"],
    targets: ["n4"],
    observe: findsAll,
  },
  {
    title: "exhaust",
    fault: "exhaust",
    argv: ["exhaust", "n1", "--cpu", "10%", "--memory", "32MiB", "--disk", "16MiB", "--keep-disk", "0"],
    targets: ["n1"],
    observe: burnsThere,
  },
  {
    title: "cache-down by killing",
    fault: "cache-down",
    argv: ["cache-down"],
    targets: ["cache"],
    observe: (cluster) => cacheAnswers(cluster),
    ...noRedis,
  },
  {
    title: "cache-down by partition",
    fault: "cache-down",
    argv: ["cache-down", "--how", "partition"],
    targets: ["cache"],
    observe: (cluster) => cacheAnswers(cluster),
    ...noRedis,
  },
  {
    title: "cache-slow through its proxy",
    fault: "cache-slow",
    argv: ["cache-slow", "--delay", `${delayMs}ms`],
    targets: ["cache"],
    observe: cacheAnswersSoon,
    ...noRedis,
  },
  {
    title: "cache-slow by pausing",
    fault: "cache-slow",
    argv: ["cache-slow", "--how", "pause", "--delay", "900ms"],
    targets: ["cache"],
    observe: cacheAnswersSoon,
    ...noRedis,
  },
];

/** Two halves of the table, about as long as each other: they run side by side. */
export function isOfTheNetwork({ fault }: FaultCase): boolean {
  return ["partition", "latency", "loss", "bandwidth", "reset", "wrong-answers", "zone-outage"].includes(fault);
}

/** Faults that cannot run on an `up` cluster, or do not last, and where they are tested instead. */
export const elsewhere: Readonly<Record<string, string>> = {
  "cache-flush": "cannot be undone, so there is nothing to heal: test/integration/chaos-cache.test.ts",
};
