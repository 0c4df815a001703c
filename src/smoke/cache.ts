import type { CacheStore } from "../cache/contract.ts";
import { openCache } from "../cache/index.ts";
import type { CacheConfig } from "../config/schema.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import type { Clock } from "../runtime.ts";
import { formatDurationUs } from "../units.ts";

const ttlMs = 60_000;

/** A value written, read back and deleted. With two tiers the far one is asked: the near one would answer for it. */
export async function checkCache(config: CacheConfig, name: string, deps: { clock: Clock }): Promise<string> {
  const driver = config.driver === "tiered" ? "redis" : config.driver;
  const cache = await openCache({ ...config, driver }, deps);
  try {
    return await roundTrip(cache, `${config.namespace}:${name}`, deps.clock);
  } finally {
    await cache.close();
  }
}

/** @throws RagctlError exit 3 where it does not answer, exit 4 where it answers wrong */
export async function roundTrip(cache: CacheStore, key: string, clock: Clock): Promise<string> {
  const value = Buffer.from(`ragctl smoke ${key}`);
  await cache.ping();
  const startedUs = clock.monotonicUs();
  await cache.set(key, value, ttlMs);
  const held = await cache.get(key);
  if (!held?.equals(value)) throw wrong(held ? "gave back something else than was written" : "forgot what was just written");
  if (!(await cache.delete(key)) || (await cache.get(key)) !== undefined) throw wrong("still has what was deleted");
  const elapsedUs = clock.monotonicUs() - startedUs;
  const { driver, endpoints } = await cache.describe();
  return `written, read and deleted in ${formatDurationUs(elapsedUs)} (${[driver, ...endpoints].join(" ")})`;
}

function wrong(what: string): RagctlError {
  return new RagctlError(`the cache ${what}`, {
    code: "smoke-cache",
    exitCode: ExitCode.failed,
    hint: "is it full, or evicting at once? ragctl status shows its memory",
  });
}
