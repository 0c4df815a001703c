import type { Cluster, Redis } from "ioredis";
import { connectRedis } from "../../cache/redis-connect.ts";
import { redisTarget } from "../../cache/redis-target.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { FaultDeps } from "../contract.ts";

/** The cache's Redis as the config says it, credentials and all; what heals does without it. */
export interface CacheServers {
  namespace: string;
  /** Every server that holds keys. */
  masters(): Redis[];
  close(): void;
}

/** @throws RagctlError exit 3 where it does not answer */
export async function openServers({ cluster }: FaultDeps): Promise<CacheServers> {
  const config = cluster?.cache;
  if (!config) throw new Error("nobody said which cache");
  const client: Redis | Cluster = await connectRedis(redisTarget(config));
  let said = "";
  client.on("error", (error: Error) => (said = error.message));
  try {
    await client.ping();
  } catch (error) {
    client.disconnect();
    throw new RagctlError(`the cache could not be reached: ${said || (error as Error).message}`, {
      code: "cache-unreachable",
      exitCode: ExitCode.unreachable,
      hint: "ragctl status shows what runs",
      cause: error,
    });
  }
  return {
    namespace: config.namespace,
    masters: () => ("nodes" in client ? client.nodes("master") : [client]),
    close: () => client.disconnect(),
  };
}
