import type { ClusterConfig } from "../../config/schema.ts";
import { openServers } from "../nodes.ts";
import { collectStats, type CollectOptions } from "./collect.ts";
import type { CacheStatsResult } from "./result.ts";

/**
 * How the servers of a cluster's cache fare.
 * @throws RagctlError exit 2 where there is no Redis to ask, exit 3 where none answers
 */
export async function cacheStats(
  cluster: Pick<ClusterConfig, "cache" | "name">,
  options: Omit<CollectOptions, "cluster">,
): Promise<CacheStatsResult> {
  const { link, servers } = await openServers(cluster, options.clock);
  try {
    return await collectStats(link, servers, { ...options, cluster: cluster.name });
  } finally {
    link.close();
  }
}
