import type { Runtime } from "../runtime.ts";
import type { ClusterConfig } from "./schema.ts";

/**
 * The cluster that a command speaks to: `--cluster` of the config that `--config` names or discovery finds, else its
 * `default`, else its only one; where no config names any, the `local` cluster that `ragctl up` started from here.
 * @throws RagctlError exit 2 with every problem of the file, or when no such cluster exists
 */
export async function resolveCluster(
  _runtime: Runtime,
  _choice: { config: string | undefined; cluster: string | undefined },
): Promise<ClusterConfig> {
  throw new Error("written by the config room");
}
