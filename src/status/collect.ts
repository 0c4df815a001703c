import type { CacheStore } from "../cache/contract.ts";
import type { ClusterConfig, NodeConfig } from "../config/schema.ts";
import { physicalOf, type RoutingTable } from "../sharding/table.ts";
import type { Clock } from "../runtime.ts";
import type { NodeHealth, StoreControl } from "../stores/contract.ts";
import { classifyHealth, type HealthAnswer } from "./health.ts";
import type { CacheStatus, FaultOnCluster, NodeStatus, StatusResult } from "./result.ts";

/** How the parts of a cluster are reached; `connect.ts` makes the real ones. */
export interface StatusDeps {
  clock: Clock;
  control(node: NodeConfig): Promise<StoreControl>;
  /** Points that this one node holds. */
  pointsOn(node: NodeConfig, control: StoreControl, collection: string): Promise<number | LocalShards>;
  /** Of a routed cluster; empty for a native one. */
  tables(): Promise<RoutingTable[]>;
  /** Of a native one, those of collections with cells. */
  nativeTables?(): Promise<RoutingTable[]>;
  /** @param zone its own; undefined: that of all zones without one */
  cache(zone?: string): Promise<CacheStore | undefined>;
  connects(url: string, timeoutMs: number): Promise<boolean>;
  /** Faults that were injected into it; none where nobody says. */
  faults?(): Promise<FaultOnCluster[]>;
}

/** What one node of a native cluster holds of a collection. */
export interface LocalShards {
  points: number;
  /** Shards whose replica on this node is dead. */
  dead: number[];
}

const askMs = 2_000;
const connectMs = 1_000;

/** Asks every node, every table and the cache, all at once. What does not answer is part of the result, not an error. */
export async function collectStatus(cluster: ClusterConfig, deps: StatusDeps): Promise<StatusResult> {
  const controls = await Promise.all(cluster.nodes.map((node) => deps.control(node)));
  const healths = await measureHealth(controls);
  const named = namesOf((await deps.nativeTables?.()) ?? []);
  const [tables, cache, zoneCaches, faults, asked] = await Promise.all([
    deps.tables(),
    askCache(deps),
    Promise.all(Object.keys(cluster.cache?.zones ?? {}).map((zone) => askZoneCache(deps, zone))),
    deps.faults?.() ?? [],
    Promise.all(cluster.nodes.map((node, index) => askNode(node, controls[index]!, healths[index]!, named, deps))),
  ]);
  const nodes = asked.map((node) => withTables(node, tables));
  const names = new Set([
    ...tables.map(({ collection }) => collection),
    ...nodes.flatMap((node) => Object.keys(node.collections)),
  ]);
  return {
    cluster: cluster.name,
    topology: cluster.topology,
    nodes,
    collections: [...names].toSorted().map((name) => {
      const table = tables.find(({ collection }) => collection === name);
      const copies = nodes.reduce((sum, node) => sum + (node.collections[name]?.points ?? 0), 0);
      return { name, copies, replicas: table?.replicas ?? null, epoch: table?.epoch ?? null, routed: table !== undefined };
    }),
    cache,
    ...(zoneCaches.length > 0 && { zoneCaches: zoneCaches.flat() }),
    faults,
    objectives: Object.fromEntries(Object.entries(cluster.objectives).filter(([, value]) => value !== undefined)),
    at: deps.clock.nowMs(),
  };
}

/** Exit 3 says: something that the cluster is made of does not answer. */
export function somethingIsDown({ nodes, cache, zoneCaches = [] }: StatusResult): boolean {
  return (
    nodes.some(({ health }) => health === "dead" || health === "unhealthy") ||
    [cache, ...zoneCaches].some((each) => each?.ok === false)
  );
}

/** Asked twice, the faster answer counting: the first also pays for the connection, and for what this process has to load. */
async function measureHealth(controls: readonly StoreControl[]): Promise<NodeHealth[]> {
  const first = await Promise.all(controls.map(askHealth));
  return await Promise.all(
    first.map(async (health, index) => {
      if (!health.ok) return health;
      const again = await askHealth(controls[index]!);
      return again.ok && (health.latencyUs ?? 0) < (again.latencyUs ?? 0) ? health : again;
    }),
  );
}

async function askNode(
  node: NodeConfig,
  control: StoreControl,
  health: NodeHealth,
  named: Names,
  deps: StatusDeps,
): Promise<NodeStatus> {
  const row = { id: node.id, url: node.url, zone: node.zone ?? null };
  const answer = await asAnswer(health, node, deps);
  const base = {
    ...row,
    health: classifyHealth(answer),
    version: health.version ?? null,
    latencyMs: answer.latencyUs === undefined ? null : toMs(answer.latencyUs),
    problem: health.ok ? null : (health.problem ?? "it does not answer"),
  };
  if (!health.ok) return { ...base, points: null, collections: {} };
  try {
    const { collections, problems } = await countPoints(node, control, named, deps);
    const points = Object.values(collections).reduce((sum, each) => sum + (each.points ?? 0), 0);
    if (problems.length === 0) return { ...base, points, collections };
    // It answers, and others answer in its place for what it has lost.
    return { ...base, health: "degraded", problem: problems.join("; "), points, collections };
  } catch (error) {
    // It says it is well and does not answer the next question.
    return { ...base, health: "unhealthy", problem: (error as Error).message, points: null, collections: {} };
  }
}

async function countPoints(
  node: NodeConfig,
  control: StoreControl,
  named: Names,
  deps: StatusDeps,
): Promise<{ collections: NodeStatus["collections"]; problems: string[] }> {
  const names = (await control.listCollections()).filter((physical) => named.get(physical) !== null);
  const found = await Promise.all(names.map(async (name) => [name, await deps.pointsOn(node, control, name)] as const));
  const collections: NodeStatus["collections"] = {};
  const problems: string[] = [];
  for (const [physical, held] of found) {
    const name = named.get(physical) ?? physical;
    const { points, dead } = typeof held === "number" ? { points: held, dead: [] } : held;
    collections[name] = { points, state: null };
    if (dead.length > 0)
      problems.push(
        `its ${dead.length === 1 ? "replica" : "replicas"} of ${name} shard ${dead.join(", ")} ${dead.length === 1 ? "is" : "are"} dead`,
      );
  }
  return { collections, problems };
}

/** What people call a collection of a native store; null: it served before, under that very name, and is about to go. */
type Names = ReadonlyMap<string, string | null>;

function namesOf(tables: readonly RoutingTable[]): Names {
  return new Map(
    tables.flatMap((table) => {
      const serving = [physicalOf(table), table.collection] as const;
      return table.native?.left === table.collection ? [serving, [table.collection, null] as const] : [serving];
    }),
  );
}

async function askHealth(control: StoreControl): Promise<NodeHealth> {
  try {
    return await control.health({ timeoutMs: askMs });
  } catch (error) {
    return { ok: false, problem: (error as Error).message };
  }
}

async function asAnswer(health: NodeHealth, node: NodeConfig, deps: StatusDeps): Promise<HealthAnswer> {
  const latency = health.latencyUs === undefined ? {} : { latencyUs: health.latencyUs };
  if (health.ok) return { kind: "ok", ...latency };
  if (!(await deps.connects(node.url, connectMs))) return { kind: "unreachable" };
  return { kind: health.latencyUs === undefined ? "silent" : "error", ...latency };
}

/** The states that the tables give this node; a collection that a table places here is listed even where the node cannot be asked. */
function withTables(node: NodeStatus, tables: readonly RoutingTable[]): NodeStatus {
  const collections = { ...node.collections };
  for (const table of tables) {
    const entry = table.nodes[node.id];
    // One that answers and does not have the collection, such as a joining node, holds none of its points.
    const none = node.points === null ? null : 0;
    const physical = physicalOf(table);
    if (entry) collections[table.collection] = { points: collections[physical]?.points ?? none, state: entry.state };
    if (physical !== table.collection) delete collections[physical];
  }
  return { ...node, collections };
}

async function askZoneCache(deps: StatusDeps, zone: string): Promise<(CacheStatus & { zone: string })[]> {
  const status = await askCache(deps, zone);
  return status ? [{ zone, ...status }] : [];
}

async function askCache(deps: StatusDeps, zone?: string): Promise<CacheStatus | null> {
  const cache = await deps.cache(zone);
  if (!cache) return null;
  try {
    const answeredIn = cache.ping().then(
      (answer) => answer.latencyUs,
      () => null,
    );
    const [latencyUs, described] = await Promise.all([answeredIn, cache.describe()]);
    const { driver, ok, endpoints, usedBytes, maxBytes, entries, problem } = described;
    const answers = ok && latencyUs !== null;
    return {
      driver,
      ok: answers,
      endpoints,
      latencyMs: latencyUs === null ? null : toMs(latencyUs),
      usedBytes: usedBytes ?? null,
      maxBytes: maxBytes ?? null,
      entries: entries ?? null,
      problem: problem ?? null,
      meanwhile: answers || driver === "memory" ? null : "goes on from memory",
    };
  } finally {
    await cache.close();
  }
}

function toMs(us: number): number {
  return Math.round(us) / 1000;
}
