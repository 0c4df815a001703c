import { inZone } from "../../src/cache/zones.ts";
import { resolveCluster } from "../../src/config/resolve.ts";
import type { ClusterConfig } from "../../src/config/schema.ts";
import type { CommandContext } from "../define.ts";
import { flag } from "../flags.ts";

export const zoneFlag = { zone: flag.string({ description: "of several caches, that of this zone", placeholder: "zone" }) };

/** The cluster with the cache that is meant. @throws RagctlError exit 2 as `resolveCluster`, and where no node is in that zone */
export async function clusterInZone(
  { runtime, globals }: Pick<CommandContext, "runtime" | "globals">,
  zone: string | undefined,
): Promise<ClusterConfig> {
  return inZone(await resolveCluster(runtime, globals), zone);
}
