import type { Redis } from "ioredis";

/** Longer than a cache would wait: what is asked here decides about requests that cost money. */
const timeoutMs = 5000;

/** A client that connects with its first command, and gives each one up after a while. */
export async function embedRedis(url: string): Promise<Redis> {
  const { Redis } = await import("ioredis");
  const redis = new Redis(url, {
    lazyConnect: true,
    maxRetriesPerRequest: 1,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    // A script whose answer was lost may have run.
    autoResendUnfulfilledCommands: false,
    retryStrategy: (times) => Math.min(50 * 2 ** times, 2000),
  });
  // Every command reports its own failure; without a listener ioredis would print to the console.
  redis.on("error", () => undefined);
  return redis;
}
