import { createHash, randomUUID } from "node:crypto";
import type { Clock, Rng } from "../../runtime.ts";
import { embedRedis } from "../redis.ts";
import { rateWindow, type RequestLimiter } from "./contract.ts";
import { localLimiter } from "./local.ts";
import { redisPlaces } from "./redis-places.ts";
import { sharedLimiter } from "./shared.ts";

/**
 * Keeps an endpoint's rate: through Redis for all processes that name the same one, the same endpoint and the same model; by
 * this process alone where none is named.
 * @param config `timeoutMs`: of one request, after which a process that died loses the places it held
 */
export async function openLimiter(
  config: { url: string; model: string; ratePerSec: number; redis: string | undefined; timeoutMs: number },
  deps: { clock: Clock; rng: Rng; warn: (text: string) => void },
): Promise<RequestLimiter> {
  const window = rateWindow(config.ratePerSec);
  const own = localLimiter(window, deps.clock);
  if (config.redis === undefined) return own;
  const redis = await embedRedis(config.redis);
  const endpoint = createHash("sha256")
    .update(JSON.stringify([config.url, config.model]))
    .digest("hex")
    .slice(0, 16);
  return sharedLimiter({
    own,
    shared: redisPlaces(redis, `ragctl:embed-rate:${endpoint}`, window, config.timeoutMs + 10_000),
    ...deps,
    name: randomUUID(),
    close: async () => redis.disconnect(),
  });
}
