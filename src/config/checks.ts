import { localName } from "./find.ts";
import type { Finding } from "./issues.ts";
import { didYouMean } from "./suggest.ts";

/**
 * What no single field shows: duplicates, contradictions, names that name nothing. Works on the expanded file before
 * the schema has passed, so that these problems appear beside the schema's own; anything of the wrong shape is skipped
 * here, because the schema says it.
 * @param fileExists whether a file that the config names, relative to the config, is there
 */
export function crossChecks(data: unknown, fileExists: (path: string) => boolean): { problems: Finding[]; warnings: Finding[] } {
  const problems: Finding[] = [];
  const warnings: Finding[] = [];
  const root = record(data);
  const clusters = record(root["clusters"]);
  const names = Object.keys(clusters);
  const chosen = root["default"];
  // `local` is what `ragctl up` starts: it may be the default without being described here.
  if (typeof chosen === "string" && !names.includes(chosen) && chosen !== localName)
    problems.push({ path: ["default"], message: `"${chosen}" names no cluster${didYouMean(chosen, names)}` });
  if (root["clusters"] !== undefined && isRecord(root["clusters"]) && names.length === 0)
    problems.push({ path: ["clusters"], message: "expected at least one cluster, got none" });
  for (const name of names) {
    const at = (...path: PropertyKey[]): PropertyKey[] => ["clusters", name, ...path];
    const cluster = record(clusters[name]);
    problems.push(
      ...nodeProblems(cluster, at),
      ...routingProblems(cluster, at),
      ...redisProblems(cluster, at),
      ...tlsProblems(cluster, at, fileExists),
    );
    warnings.push(...doubts(cluster, at));
  }
  return { problems, warnings };
}

type At = (...path: PropertyKey[]) => PropertyKey[];
type Fields = Record<string, unknown>;

function nodeProblems(cluster: Fields, at: At): Finding[] {
  const nodes = list(cluster["nodes"]).map(record);
  const firstWith = (index: number, same: (node: Fields) => boolean) =>
    nodes.findIndex((node, other) => other < index && same(node));
  return nodes.flatMap(({ id, url }, index) => {
    const found: Finding[] = [];
    const twin = typeof id === "string" ? firstWith(index, (node) => node["id"] === id) : -1;
    if (twin >= 0) found.push({ path: at("nodes", index, "id"), message: `"${String(id)}" is already the id of nodes[${twin}]` });
    const origin = originOf(url);
    const neighbour = origin === undefined ? -1 : firstWith(index, (node) => originOf(node["url"]) === origin);
    if (neighbour >= 0)
      found.push({
        path: at("nodes", index, "url"),
        message: `the same server as nodes[${neighbour}]: expected a url of its own`,
      });
    return found;
  });
}

function routingProblems(cluster: Fields, at: At): Finding[] {
  const routing = record(cluster["routing"]);
  if (cluster["topology"] === "native")
    return ["replicas", "minAcks", "virtualNodes", "hash", "hedge"]
      .filter((key) => routing[key] !== undefined)
      .map((key) => ({
        path: at("routing", key),
        message: "is for topology: routed; a native store shards and replicates by itself",
      }));
  const found: Finding[] = [];
  const replicas = routing["replicas"] ?? 1;
  const minAcks = routing["minAcks"] ?? 1;
  const nodes = list(cluster["nodes"]).length;
  if (typeof replicas === "number" && nodes > 0 && replicas > nodes)
    found.push({ path: at("routing", "replicas"), message: `expected at most the number of nodes, ${nodes}, got ${replicas}` });
  if (typeof minAcks === "number" && typeof replicas === "number" && minAcks > replicas)
    found.push({
      path: at("routing", "minAcks"),
      message: `expected at most replicas, ${replicas}, got ${minAcks}: no write could be acknowledged`,
    });
  if (routing["hedge"] === "p95" && replicas === 1)
    found.push({ path: at("routing", "hedge"), message: "p95 asks another owner: expected replicas of at least 2, got 1" });
  if (routing["hedge"] === "p95" && routing["consistency"] === "all")
    found.push({
      path: at("routing", "hedge"),
      message: "p95 asks another owner: with consistency: all every owner is asked already",
    });
  return found;
}

function redisProblems(cluster: Fields, at: At): Finding[] {
  const found: Finding[] = [];
  const cache = record(cluster["cache"]);
  const ways = ["url", "cluster", "sentinel"].filter((key) => cache[key] !== undefined);
  const { driver } = cache;
  if ((driver === "redis" || driver === "tiered") && ways.length !== 1)
    found.push({
      path: at("cache"),
      message: `driver ${driver} expects one of url, cluster or sentinel, got ${ways.length === 0 ? "none" : ways.join(" and ")}`,
    });
  const zones = record(cache["zones"]);
  if (driver === "memory")
    for (const way of [...ways, ...(cache["zones"] === undefined ? [] : ["zones"])])
      found.push({ path: at("cache", way), message: "is for driver redis or tiered; this one is memory" });
  const known = [...new Set(list(cluster["nodes"]).flatMap((node) => record(node)["zone"] ?? []))].map(String);
  for (const [zone, place] of Object.entries(zones)) {
    const own = ["url", "cluster", "sentinel"].filter((key) => record(place)[key] !== undefined);
    if (isRecord(place) && own.length !== 1)
      found.push({
        path: at("cache", "zones", zone),
        message: `expected one of url, cluster or sentinel, got ${own.length === 0 ? "none" : own.join(" and ")}`,
      });
    if (!known.includes(zone))
      found.push({ path: at("cache", "zones", zone), message: `no node is in zone "${zone}"${didYouMean(zone, known)}` });
  }
  const state = record(cluster["state"]);
  const stateServer = state["driver"] === "redis" ? serverOf(state["url"]) : undefined;
  const cacheServers = [cache, ...Object.values(zones).map(record)].flatMap(({ url, cluster: servers, sentinel }) =>
    [url, ...list(servers), ...list(record(sentinel)["nodes"])].map(serverOf),
  );
  if (stateServer !== undefined && cacheServers.includes(stateServer))
    found.push({
      path: at("state", "url"),
      message: `${stateServer} is the cache's Redis, which may evict; state (tables, locks, leases) needs one of its own, with maxmemory-policy noeviction`,
    });
  return found;
}

function tlsProblems(cluster: Fields, at: At, fileExists: (path: string) => boolean): Finding[] {
  const found: Finding[] = [];
  for (const part of ["store", "cache"]) {
    const tls = record(record(cluster[part])["tls"]);
    for (const key of ["caFile", "certFile", "keyFile"]) {
      const path = tls[key];
      if (typeof path === "string" && !fileExists(path))
        found.push({ path: at(part, "tls", key), message: `there is no readable file "${path}" (relative to the config file)` });
    }
    for (const [one, other] of [
      ["certFile", "keyFile"],
      ["keyFile", "certFile"],
    ] as const)
      if (tls[one] !== undefined && tls[other] === undefined)
        found.push({ path: at(part, "tls", one), message: `expects ${other} beside it: a client certificate is a pair` });
  }
  return found;
}

/** Not wrong, but worth a word. */
function doubts(cluster: Fields, at: At): Finding[] {
  const found: Finding[] = [];
  if (record(cluster["routing"])["hash"] === "md5-128")
    found.push({
      path: at("routing", "hash"),
      message:
        "md5-128 positions do not fit a point's 32-bit hash: this ring plans and routes, and is not applied live; md5-32 is",
    });
  const plain = list(cluster["nodes"]).findIndex((node) => String(record(node)["url"]).startsWith("http:"));
  if (plain >= 0 && record(cluster["store"])["tls"] !== undefined)
    found.push({ path: at("nodes", plain, "url"), message: "is http, so store.tls does nothing for it: expected https" });
  return found;
}

function originOf(url: unknown): string | undefined {
  if (typeof url !== "string" || !URL.canParse(url)) return undefined;
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname.replace(/\/+$/, "")}`;
}

/** `host:port` of a Redis URL; its databases share one memory and one eviction policy. */
function serverOf(url: unknown): string | undefined {
  if (typeof url !== "string" || !URL.canParse(url)) return undefined;
  const { hostname, port } = new URL(url);
  return `${hostname === "127.0.0.1" || hostname === "[::1]" ? "localhost" : hostname}:${port || 6379}`;
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function record(value: unknown): Fields {
  return isRecord(value) ? value : {};
}

function list(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
