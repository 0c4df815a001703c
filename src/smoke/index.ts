import type { ClusterClient } from "../cluster/contract.ts";
import type { ClusterConfig } from "../config/schema.ts";
import type { LoadResult } from "../load/result.ts";
import type { Clock, Rng } from "../runtime.ts";
import { canaryCollection, makeCanary, type Canary } from "./canary.ts";
import { checkCache } from "./cache.ts";
import { Checklist, verdictOf } from "./checklist.ts";
import { checkNodes } from "./nodes.ts";
import { judgeQueries } from "./judge.ts";
import type { SmokeResult } from "./result.ts";

export { exitCodeOf } from "./checklist.ts";

export interface SmokeInput {
  cluster: ClusterConfig;
  /** Called once; what it gives is closed at the end. */
  connect: () => Promise<ClusterClient>;
  /** What the config check says: it was passed by getting here. */
  configDetail: string;
  /** To query; undefined: the cluster's own, or one that has points, or the canary's. */
  collection: string | undefined;
}

export interface SmokeDeps {
  clock: Clock;
  rng: Rng;
  signal: AbortSignal;
  /** Fifty paced queries of a collection. */
  queries: (client: ClusterClient, collection: string) => Promise<LoadResult>;
  onCheck?: (name: string) => void;
}

/**
 * Does this cluster work? Config, nodes, canary points through their whole life on every replica, cache, and fifty queries
 * against the objectives. It writes to one collection, made for this run and dropped at its end, whatever happens.
 * @throws the signal's reason on an interrupt, after cleaning up
 */
export async function runSmoke(
  { cluster, connect, configDetail, collection }: SmokeInput,
  deps: SmokeDeps,
): Promise<SmokeResult> {
  const { clock, rng, signal } = deps;
  const startedUs = clock.monotonicUs();
  const checklist = new Checklist({ clock, signal, onCheck: deps.onCheck });
  const name = canaryCollection(clock.nowMs(), rng);
  let parts: { client: ClusterClient; canary: Canary } | undefined;
  /** Only checks that need "nodes" ask for it. */
  const connected = () => {
    if (!parts) throw new Error("not connected");
    return parts;
  };
  try {
    await checklist.run("config", {}, async () => configDetail);
    await checklist.run("nodes", {}, async () => {
      const client = await connect();
      parts = { client, canary: makeCanary({ client, collection: name, clock, rng, signal }) };
      return await checkNodes(client, signal);
    });
    await checklist.run("canary write", { needs: "nodes" }, () => connected().canary.write());
    await checklist.run("canary search", { needs: "canary write" }, () => connected().canary.search());
    await checklist.run("canary delete", { needs: "canary write" }, () => connected().canary.delete());
    const { cache } = cluster;
    if (cache) await checklist.run("cache", {}, () => checkCache(cache, name, deps));
    await checklist.run("objectives", { needs: "nodes" }, async () => {
      const { client, canary } = connected();
      const queried = await chooseCollection(client, collection, canary, name);
      return judgeQueries(await deps.queries(client, queried), queried === name ? "canary points" : queried, cluster.objectives);
    });
  } finally {
    const opened = parts;
    if (opened)
      try {
        await checklist.run("clean up", { cleansUp: true }, () => opened.canary.drop());
      } finally {
        await opened.client.close();
      }
  }
  signal.throwIfAborted();
  const { checks } = checklist;
  const elapsedMs = (clock.monotonicUs() - startedUs) / 1000;
  return { cluster: cluster.name, verdict: verdictOf(checks), checks, canaryCollection: name, elapsedMs };
}

/** The collection to query: the one that was asked for, the config's, the first with points, or the canary's, filled again. */
async function chooseCollection(
  client: ClusterClient,
  asked: string | undefined,
  canary: Canary,
  canaryName: string,
): Promise<string> {
  const named = asked ?? client.cluster.store.collection;
  if (named !== undefined) return named;
  for (const name of (await client.collections()).toSorted()) {
    if (name.startsWith("_ragctl_")) continue;
    // A routed client can only read what has a table.
    if (client.cluster.topology === "routed" && !(await client.table(name))) continue;
    const info = await client.collectionInfo(name);
    if (info && info.pointsCount > 0) return name;
  }
  await canary.refill();
  return canaryName;
}
