import type { CacheConfig, StateConfig } from "../config/schema.ts";
import { usageError } from "../errors.ts";
import { redisTarget, showAddress } from "./redis-target.ts";

/**
 * A cache may lose any of its keys at any time; the routing tables may not. So they share no Redis.
 * @throws RagctlError exit 2 where both are in one database
 */
export function refuseStateStore(cache: CacheConfig, state: StateConfig | undefined): void {
  if (cache.driver === "memory" || state?.driver !== "redis") return;
  const target = redisTarget(cache);
  // Sentinels hold no keys.
  const addresses = target.kind === "single" ? [target.address] : target.kind === "cluster" ? target.addresses : [];
  const other = redisTarget({ driver: "redis", url: state.url });
  if (other.kind !== "single") return;
  const { host, port, db } = other.address;
  const shared = addresses.find((address) => address.host === host && address.port === port && address.db === db);
  if (!shared) return;
  throw usageError(
    [
      {
        path: "cache",
        message: `${showAddress(shared)} holds the routing tables, too: a full or flushed cache would take them along`,
      },
    ],
    { code: "config-invalid", hint: "give the state store a Redis of its own, or another database" },
  );
}
