import type { CacheLayer } from "../cache/contract.ts";
import { openLayer, popularityOn } from "../cache/open-layer.ts";
import type { PopularityReader } from "../cache/popularity/contract.ts";
import { redisLink } from "../cache/redis-link.ts";
import { redisTarget } from "../cache/redis-target.ts";
import { cacheSettings, type CacheSettings } from "../cache/settings.ts";
import { connectCluster } from "../cluster/index.ts";
import type { CacheConfig, ClusterConfig } from "../config/schema.ts";
import { createEmbedder } from "../embed/index.ts";
import { usageError } from "../errors.ts";
import type { Clock, Rng } from "../runtime.ts";
import { clusterBackend } from "./backend/cluster.ts";
import { endpointBackend } from "./backend/endpoint.ts";
import { redisWarmCache, type RedisWarmCache } from "./cache/redis-cache.ts";
import type { WarmBackend } from "./run/contract.ts";

/** What answers: the cluster, by ragctl's own client, or the application. */
export type Through =
  | { kind: "cluster"; collection?: string; k: number; ef?: number }
  | { kind: "endpoint"; name?: string; field: string };

/** Everything that warming speaks to. */
export interface WarmAccess {
  backend: WarmBackend;
  /** The collection, or the endpoint. */
  name: string;
  /** Absent where an endpoint has a cache that the config does not name: then nothing can be looked up. */
  cache: RedisWarmCache | undefined;
  settings: CacheSettings | undefined;
  popularity: PopularityReader | undefined;
  /** A layer with an empty memory: what it finds is in the shared cache. Close it. */
  openReader(): Promise<CacheLayer | undefined>;
  close(): Promise<void>;
}

interface AccessDeps {
  clock: Clock;
  rng: Rng;
  cwd: string;
  signal: AbortSignal;
  maxInFlight: number;
}

type Closers = (() => unknown)[];

const endpointTimeoutMs = 30_000;

/** @throws RagctlError exit 2 where the config has no shared cache, 3 where the cluster cannot be reached */
export async function openAccess(cluster: ClusterConfig, through: Through, deps: AccessDeps): Promise<WarmAccess> {
  const closers: Closers = [];
  const close = async () => {
    for (const each of closers.toReversed()) await each();
  };
  try {
    const shared = sharedCache(cluster, through);
    const { backend, name, dim } =
      through.kind === "endpoint" ? endpoint(cluster, through, deps, closers) : await searches(cluster, through, deps, closers);
    if (!shared)
      return {
        backend,
        name,
        cache: undefined,
        settings: undefined,
        popularity: undefined,
        openReader: async () => undefined,
        close,
      };
    const settings = cacheSettings(shared, cluster.embedder);
    const link = await redisLink(redisTarget(shared), deps);
    closers.push(() => link.close());
    const layerOf = () => openLayer({ cache: shared, embedder: cluster.embedder }, deps);
    const layer = await layerOf();
    closers.push(() => layer.close());
    const cache = redisWarmCache({ link, layer, resultTtlMs: settings.ttlMs.result, dim });
    return { backend, name, cache, settings, popularity: popularityOn(link, shared, deps.clock), openReader: layerOf, close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** The Redis of a cluster's cache; memory before it would only hide what is in it. */
function sharedCache({ name, cache }: ClusterConfig, { kind }: Through): CacheConfig | undefined {
  if (cache && cache.driver !== "memory") return { ...cache, driver: "redis" };
  if (kind === "endpoint") return undefined;
  throw usageError(
    [{ path: "cache", message: cache ? "driver memory lives and dies with each process" : `cluster ${name} has none` }],
    {
      code: "no-shared-cache",
      hint: "name a Redis under cache of the config, or warm through the application: --through endpoint",
    },
  );
}

function endpoint(
  { endpoints = {} }: ClusterConfig,
  { name, field }: Through & { kind: "endpoint" },
  { maxInFlight }: AccessDeps,
  closers: Closers,
) {
  const names = Object.keys(endpoints);
  const chosen = name ?? (names.length === 1 ? names[0] : undefined);
  const found = chosen === undefined ? undefined : endpoints[chosen];
  if (chosen === undefined || !found)
    throw usageError([
      {
        path: "--endpoint",
        message:
          names.length === 0
            ? "the cluster names no endpoints"
            : `${chosen === undefined ? "say which" : `there is no ${chosen}`}: the cluster has ${names.join(", ")}`,
      },
    ]);
  const backend = endpointBackend({ ...found, field, timeoutMs: endpointTimeoutMs, connections: maxInFlight });
  closers.push(() => backend.close());
  return { backend, name: chosen, dim: undefined };
}

async function searches(
  cluster: ClusterConfig,
  { collection: wanted, k, ef }: Through & { kind: "cluster" },
  { clock, rng, cwd, signal }: AccessDeps,
  closers: Closers,
) {
  const client = await connectCluster(cluster, { clock, rng, purpose: "cache warm", cwd });
  closers.push(() => client.close());
  const embedder = await createEmbedder(cluster.embedder, { clock, rng });
  closers.push(() => embedder.close());
  const collection = wanted ?? cluster.store.collection ?? onlyOne(await client.collections());
  const info = await client.collectionInfo(collection);
  if (!info)
    throw usageError([{ path: "--collection", message: `there is no collection "${collection}"` }], { code: "no-collection" });
  if (info.size !== embedder.dim)
    throw usageError(
      [{ path: "embedder", message: `makes ${embedder.dim} dimensions, and collection "${collection}" has ${info.size}` }],
      { code: "dimension-mismatch", hint: "queries must come from the model that embedded the collection" },
    );
  const table = await client.table(collection);
  const backend = clusterBackend({ client, embedder, collection, table, k, ...(ef !== undefined && { ef }), signal });
  return { backend, name: collection, dim: embedder.dim };
}

function onlyOne(names: readonly string[]): string {
  if (names.length === 1) return names[0]!;
  const message = names.length === 0 ? "the cluster has no collection yet" : `say which: the cluster has ${names.join(", ")}`;
  throw usageError([{ path: "--collection", message }]);
}
