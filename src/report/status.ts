import type { CacheStatus, Health, NodeStatus, StatusResult } from "../status/result.ts";
import { formatBytes, formatCount, formatDurationMs, formatPercent, plural } from "../units.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

/** A cluster's state: what is wrong first, then every node, collection and the cache. */
export function statusReport(status: StatusResult, style: Style): string {
  const parts = [headline(status, style), nodeTable(status, style)];
  if (status.faults.length > 0)
    parts.push(
      faultLines(status)
        .map((line) => style.warn(line))
        .join("\n"),
    );
  const problems = status.nodes
    .filter(({ problem }) => problem)
    .map(({ id, problem }) => (problem!.includes(id) ? problem! : `${id}: ${problem}`));
  if (problems.length > 0) parts.push(problems.map((line) => style.bad(line)).join("\n"));
  if (status.collections.length > 0) parts.push(collectionTable(status, style));
  const caches = cachesOf(status).map(({ name, cache }) => cacheLine(name, cache, style));
  parts.push([...caches, objectivesLine(status, style)].filter(Boolean).join("\n"));
  return parts.filter(Boolean).join("\n\n");
}

export const healthColor: Record<Health, "good" | "warn" | "bad"> = {
  healthy: "good",
  degraded: "warn",
  unhealthy: "bad",
  dead: "bad",
};

/** `cluster local · routed · 3 nodes: 2 healthy, 1 dead`. */
export function summaryLine({ cluster, topology, nodes }: StatusResult): string {
  const counts = (["healthy", "degraded", "unhealthy", "dead"] as const)
    .map((health) => [nodes.filter((node) => node.health === health).length, health] as const)
    .filter(([count]) => count > 0)
    .map(([count, health]) => (count === nodes.length ? `all ${health}` : `${count} ${health}`));
  return `cluster ${cluster} · ${topology} · ${plural(nodes.length, "node")}: ${counts.join(", ")}`;
}

/** What was broken on purpose, so that nobody looks for another cause: `hang on n2 for 12.0 s, its lease ends in 4.00 s (hang-…)`. */
export function faultLines({ faults, at }: Pick<StatusResult, "faults" | "at">): string[] {
  return faults.map(({ id, fault, target, since, leaseEndsAt, probe }) => {
    const lasts = formatDurationMs(Math.max(0, at - since));
    const ends =
      leaseEndsAt === null
        ? "until it is healed"
        : leaseEndsAt > at
          ? `lease ends in ${formatDurationMs(leaseEndsAt - at)} unless renewed`
          : "its lease has run out";
    return `fault ${probe === "gone" ? "going" : probe}: ${fault} on ${target} for ${lasts}, ${ends} (${id})`;
  });
}

/** Cells of a node's row, uncoloured: what the table and the live view share. */
export function nodeCells({ id, health, zone, version, latencyMs, points, url }: NodeStatus): string[] {
  return [
    id,
    health,
    zone ?? "-",
    version ?? "-",
    latencyMs === null ? "-" : formatDurationMs(latencyMs),
    points === null ? "-" : formatCount(points),
    url,
  ];
}

export const nodeColumns = [
  { header: "node" },
  { header: "health" },
  { header: "zone" },
  { header: "version" },
  { header: "answers in", align: "right" },
  { header: "points", align: "right" },
  { header: "url", flexible: true },
] as const;

/** `redis://… · 1.00 MiB of 64.0 MiB · 12 entries · answers in 200 µs`. */
export function cacheText(cache: CacheStatus): string {
  const [first, ...others] = cache.endpoints;
  const where = first === undefined ? cache.driver : others.length === 0 ? first : `${first} and ${others.length} more`;
  const problem = cache.problem ?? "does not answer";
  if (!cache.ok) {
    const trouble = problem.includes(where) ? problem : `${where}: ${problem}`;
    return cache.meanwhile === null ? trouble : `${trouble}; meanwhile an application ${cache.meanwhile}`;
  }
  if (cache.driver === "memory") return "memory: in each process of its own, nothing is shared";
  const parts = [where];
  if (cache.usedBytes !== null)
    parts.push(`${formatBytes(cache.usedBytes)}${cache.maxBytes === null ? "" : ` of ${formatBytes(cache.maxBytes)}`}`);
  if (cache.entries !== null) parts.push(`${formatCount(cache.entries)} entries`);
  if (cache.latencyMs !== null) parts.push(formatDurationMs(cache.latencyMs));
  return parts.join(" · ");
}

function headline(status: StatusResult, style: Style): string {
  const worst = (["dead", "unhealthy", "degraded"] as const).find((health) =>
    status.nodes.some((node) => node.health === health),
  );
  const line = summaryLine(status);
  return style.bold(worst ? style[healthColor[worst]](line) : line);
}

function nodeTable({ nodes }: StatusResult, style: Style): string {
  const rows = nodes.map((node) =>
    nodeCells(node).map((cell, index) => (index === 1 ? style[healthColor[node.health]](cell) : cell)),
  );
  return table(nodeColumns, rows, style);
}

function collectionTable({ collections, nodes }: StatusResult, style: Style): string {
  const rows = collections.map(({ name, copies, replicas, epoch }) => [
    name,
    formatCount(copies),
    replicas === null ? "-" : String(replicas),
    epoch === null ? "-" : String(epoch),
    nodes
      .filter((node) => node.collections[name])
      .map(({ id, collections: { [name]: on } }) => {
        const state = on?.state && on.state !== "serving" ? ` ${on.state}` : "";
        return `${id} ${on?.points == null ? "?" : formatCount(on.points)}${state}`;
      })
      .join(", "),
  ]);
  const columns = [
    { header: "collection" },
    { header: "copies", align: "right" as const },
    { header: "replicas", align: "right" as const },
    { header: "epoch", align: "right" as const },
    { header: "on", flexible: true, wrap: true },
  ];
  return table(columns, rows, style);
}

/** The cache, and those of zones that have their own. */
export function cachesOf({ cache, zoneCaches = [] }: StatusResult): { name: string; cache: CacheStatus }[] {
  return [
    ...(cache ? [{ name: "cache", cache }] : []),
    ...zoneCaches.map((each) => ({ name: `in zone ${each.zone}`, cache: each })),
  ];
}

function cacheLine(name: string, cache: CacheStatus, style: Style): string {
  const text = `${name.padEnd(11)} ${cacheText(cache)}`;
  return cache.ok ? text : style.bad(text);
}

function objectivesLine({ objectives }: StatusResult, style: Style): string {
  const parts = Object.entries(objectives).map(([name, value]) => objectiveText(name, value));
  return parts.length === 0 ? "" : `objectives  ${style.dim(parts.join(", "))}`;
}

/** Durations are the percentiles'; recall and availability are wanted from below. */
function objectiveText(name: string, value: number): string {
  if (/^p\d+$/.test(name)) return `${name} ≤ ${formatDurationMs(value)}`;
  return name === "errorRate" ? `${name} ≤ ${formatPercent(value)}` : `${name} ≥ ${value}`;
}
