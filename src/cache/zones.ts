import type { CacheConfig, ClusterConfig } from "../config/schema.ts";
import { didYouMean } from "../config/suggest.ts";
import { usageError } from "../errors.ts";

/** One Redis (or Redis Cluster) of a cluster's cache, and the zones that it serves. */
export interface ZoneCache {
  /** What faults call it, and `up`: `cache`, or `cache-b` for the own one of zone b. */
  id: string;
  /** Of the nodes; empty where they have none. */
  zones: string[];
  cache: CacheConfig;
}

/** The id that the cache of all zones without one of their own goes by. */
export const cacheId = "cache";

/** The id of a zone's own cache: good for the name of a file, too. */
export function zoneCacheId(zone: string): string {
  return `${cacheId}-${encodeURIComponent(zone)}`;
}

type Cached = Pick<ClusterConfig, "nodes" | "cache">;

/** Every cache of a cluster that processes share, with the zones that it serves; empty where it lies in each process's memory, or there is none. */
export function zoneCaches({ nodes, cache }: Cached): ZoneCache[] {
  if (!cache || cache.driver === "memory") return [];
  const { zones: own = {}, ...shared } = cache;
  const all = [...new Set(nodes.flatMap(({ zone }) => zone ?? []))];
  const others = all.filter((zone) => !Object.hasOwn(own, zone));
  return [
    ...(others.length > 0 || all.length === 0 ? [{ id: cacheId, zones: others, cache: shared }] : []),
    ...Object.keys(own).map((zone) => ({ id: zoneCacheId(zone), zones: [zone], cache: cacheOfZone(cache, zone) })),
  ];
}

/** The cache as whoever is in that zone uses it. */
export function cacheOfZone({ zones = {}, ...shared }: CacheConfig, zone: string | undefined): CacheConfig {
  const place = zone !== undefined && Object.hasOwn(zones, zone) ? zones[zone] : undefined;
  if (!place) return shared;
  const { url: _url, cluster: _cluster, sentinel: _sentinel, password, ...rest } = shared;
  // Where its own says nothing of a password, that of all holds.
  return { ...rest, ...(password !== undefined && { password }), ...place };
}

/**
 * The cluster as whoever is in that zone sees it: with that zone's cache.
 * @throws RagctlError exit 2 where no node is in that zone
 */
export function inZone(cluster: ClusterConfig, zone: string | undefined): ClusterConfig {
  if (zone === undefined) return cluster;
  const known = [...new Set(cluster.nodes.flatMap((node) => node.zone ?? []))];
  if (!known.includes(zone))
    throw usageError([{ path: "--zone", message: `no node of ${cluster.name} is in zone "${zone}"${didYouMean(zone, known)}` }], {
      ...(known.length > 0 && { hint: `its zones: ${known.join(", ")}` }),
    });
  return cluster.cache ? { ...cluster, cache: cacheOfZone(cluster.cache, zone) } : cluster;
}

/** Those that are lost with a zone: they serve nobody else. */
export function cachesWithin(cluster: Cached, zone: string): ZoneCache[] {
  return zoneCaches(cluster).filter(({ zones }) => zones.length === 1 && zones[0] === zone);
}
