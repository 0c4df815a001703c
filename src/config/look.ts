import { connect } from "node:net";
import type { Runtime } from "../runtime.ts";
import { findLocalClusterFile } from "./find.ts";
import { shownPath } from "./load.ts";

interface QdrantFound {
  url: string;
  version: string;
  /** It answered, but wants an api key. */
  locked: boolean;
  /** Its own cluster mode is on. */
  clustered: boolean;
  collections: string[];
}

interface RedisFound {
  url: string;
  locked: boolean;
}

/** What answers on this machine. */
export interface Surroundings {
  qdrant?: QdrantFound;
  redis?: RedisFound;
  /** The file of the cluster that `ragctl up` started, as messages show it. */
  local?: string;
}

export interface LookOptions {
  qdrantUrl?: string;
  redis?: { host: string; port: number };
  /** For each answer; loopback answers at once or not at all. */
  timeoutMs?: number;
}

/** Asks the usual ports of loopback; what does not answer in time is not there. Never throws. */
export async function lookAround(runtime: Pick<Runtime, "cwd">, options: LookOptions = {}): Promise<Surroundings> {
  const { qdrantUrl = "http://127.0.0.1:6333", redis = { host: "127.0.0.1", port: 6379 }, timeoutMs = 500 } = options;
  const [foundQdrant, foundRedis] = await Promise.all([
    lookForQdrant(qdrantUrl, timeoutMs).catch(() => undefined),
    lookForRedis(redis, timeoutMs).catch(() => undefined),
  ]);
  const file = findLocalClusterFile(runtime);
  return {
    ...(foundQdrant ? { qdrant: foundQdrant } : {}),
    ...(foundRedis ? { redis: foundRedis } : {}),
    ...(file === undefined ? {} : { local: shownPath(runtime.cwd, file) }),
  };
}

async function lookForQdrant(url: string, timeoutMs: number): Promise<QdrantFound | undefined> {
  const ask = async (path: string) => {
    const answer = await fetch(`${url}${path}`, { signal: AbortSignal.timeout(timeoutMs), redirect: "error" });
    return { status: answer.status, body: (await answer.json().catch(() => ({}))) as Record<string, unknown> };
  };
  const root = await ask("/");
  const locked = root.status === 401 || root.status === 403;
  const { title } = root.body;
  if (!locked && !(typeof title === "string" && /qdrant|ragctl/i.test(title))) return undefined;
  const version = typeof root.body["version"] === "string" ? root.body["version"] : "of unknown version";
  if (locked) return { url, version, locked, clustered: false, collections: [] };
  const [cluster, collections] = await Promise.all([ask("/cluster"), ask("/collections")]);
  const list = (collections.body["result"] as { collections?: { name: string }[] } | undefined)?.collections ?? [];
  return {
    url,
    version,
    locked: collections.status === 401 || collections.status === 403,
    clustered: (cluster.body["result"] as { status?: string } | undefined)?.status === "enabled",
    collections: list.map(({ name }) => name).toSorted(),
  };
}

/** An inline PING: any Redis answers it, one with a password by refusing. */
async function lookForRedis({ host, port }: { host: string; port: number }, timeoutMs: number): Promise<RedisFound | undefined> {
  const answer = await new Promise<string>((resolve) => {
    let text = "";
    const socket = connect({ host, port });
    const done = () => {
      socket.destroy();
      resolve(text);
    };
    socket.setTimeout(timeoutMs, done);
    socket.once("error", done);
    socket.once("close", done);
    socket.once("connect", () => socket.write("PING\r\n"));
    socket.on("data", (chunk: Buffer) => {
      text += chunk.toString("latin1");
      if (text.includes("\r\n") || text.length > 1000) done();
    });
  });
  const locked = /^-(NOAUTH|WRONGPASS|DENIED)/.test(answer);
  return answer.startsWith("+PONG") || locked ? { url: `redis://${host}:${port}`, locked } : undefined;
}
