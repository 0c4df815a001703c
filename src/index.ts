import type { z } from "zod";
import type { ClusterClient } from "./cluster/contract.ts";
import { connectCluster } from "./cluster/index.ts";
import { clusterOfValue, resolveCluster } from "./config/resolve.ts";
import type { configSchema } from "./config/schema.ts";
import { libraryContext } from "./runtime.ts";

export type * from "./cluster/contract.ts";
export { ExitCode, RagctlError } from "./errors.ts";
export type { ClusterConfig } from "./config/schema.ts";
export type { CollectionInfo, CollectionSpec, Filter, Hit, Payload, PointId, SearchOptions, Vector } from "./stores/contract.ts";
export type { RoutingTable } from "./sharding/table.ts";

/** What a config file holds, as people write it: units as text, defaults left out. */
export type ConfigInput = z.input<typeof configSchema>;

export interface ConnectOptions {
  /** A config file, or what one holds. Absent: found from `cwd` upwards, and then the cluster that `ragctl up` started there. */
  config?: string | ConfigInput;
  /** Which cluster of it; absent: its default, or its only one. */
  cluster?: string;
  /** Relative paths are relative to it, unless a config file said them. The process's own unless given. */
  cwd?: string;
  /** What this client is, for whoever looks at the leases: `checkout service`. */
  purpose?: string;
}

/**
 * A client of a cluster, the same that every command uses. It sets no signal handlers, writes nothing to the console and ends
 * nothing; `close()` it at the end, so that nobody has to wait for its lease.
 * @throws RagctlError with `code`, `hint` and, for a config that is wrong, every problem in `details`
 */
export async function connect(options: ConnectOptions = {}): Promise<ClusterClient> {
  const { env, clock, rng, ...context } = libraryContext();
  const { config, cluster, cwd = context.cwd, purpose = "application" } = options;
  const resolved =
    typeof config === "object"
      ? clusterOfValue({ env, cwd }, config, cluster)
      : await resolveCluster({ env, cwd }, { config, cluster });
  return await connectCluster(resolved, { clock, rng, purpose, cwd });
}
