import type { Cluster, Redis } from "ioredis";
import { ExitCode, RagctlError } from "../errors.ts";
import type { Clock } from "../runtime.ts";
import type { CacheStore } from "./contract.ts";
import { connectRedis } from "./redis-connect.ts";
import { parseInfo, sumInfo } from "./redis-info.ts";
import { showAddress, type RedisTarget } from "./redis-target.ts";

/** Beyond ioredis's own timeouts, because a command that waits for a cluster's slots has none. */
const deadlineMs = 2000;

/** A Redis: single, behind Sentinel, or a Cluster. Connects with the first command; a dead one is a sentence, never a hang. */
export async function redisCache(target: RedisTarget, { clock }: { clock: Clock }): Promise<CacheStore> {
  const client: Redis | Cluster = await connectRedis(target);
  const addresses = target.kind === "single" ? [target.address] : target.addresses;
  const endpoints = addresses.map(showAddress);
  const where = `the cache at ${endpoints.join(", ")}`;
  let lastProblem: string | undefined;
  // Without a handler ioredis throws connection errors at the process.
  client.on("error", (error: Error) => (lastProblem = rootMessage(error)));
  client.on("node error", (error: Error) => (lastProblem = rootMessage(error)));
  client.on("ready", () => (lastProblem = undefined));

  /** Runs one command; every way in which it can fail becomes a sentence with exit 3. */
  async function ask<T>(command: () => Promise<T>): Promise<T> {
    const late = new AbortController();
    const pending = command();
    // The race may be over before it settles.
    pending.catch(() => {});
    try {
      return await Promise.race([
        pending,
        clock.sleep(deadlineMs, late.signal).then((): never => {
          throw new Error(lastProblem ?? `no answer within ${deadlineMs / 1000} s`);
        }),
      ]);
    } catch (error) {
      throw asCacheError(error as Error, where, lastProblem);
    } finally {
      late.abort();
    }
  }

  const asText = (section: string) => (node: Redis) => node.info(section);
  const servers = () => ("nodes" in client ? client.nodes("master") : [client]);

  return {
    get: async (key) => (await ask(() => client.getBuffer(key))) ?? undefined,
    async set(key, value, ttlMs) {
      await ask(() => client.set(key, value, "PX", Math.max(1, Math.round(ttlMs))));
    },
    delete: async (key) => (await ask(() => client.del(key))) > 0,
    async ping() {
      const startUs = clock.monotonicUs();
      await ask(() => client.ping());
      return { latencyUs: clock.monotonicUs() - startUs };
    },
    async describe() {
      try {
        await ask(() => client.ping());
        const texts = await ask(() => Promise.all(servers().map(asText("all"))));
        return { driver: "redis", ok: true, endpoints, ...sumInfo(texts.map(parseInfo)) };
      } catch (error) {
        if (!(error instanceof RagctlError)) throw error;
        return { driver: "redis", ok: false, endpoints, problem: error.message };
      }
    },
    async close() {
      client.disconnect();
    },
  };
}

/** The innermost thing said: ioredis wraps `connect ECONNREFUSED` in `Failed to refresh slots cache.` */
function rootMessage(error: Error & { lastNodeError?: Error }): string {
  const inner = error.lastNodeError ?? (error instanceof AggregateError ? (error.errors[0] as Error | undefined) : undefined);
  const said = inner?.message || error.message;
  if (said === "Connection is closed.") return "no connection could be made";
  return said || ((error as NodeJS.ErrnoException).code ?? error.name);
}

/** Redis's own refusals (`-WRONGPASS …`, `-OOM …`) say what to do; whatever else failed, the server was not reached. */
function asCacheError(error: Error, where: string, lastProblem: string | undefined): RagctlError {
  const said = rootMessage(error);
  const refusal = [lastProblem, said].find((text) => text !== undefined && refusalHints.some(({ sign }) => sign.test(text)));
  if (refusal)
    return new RagctlError(`${where} refused: ${refusal}`, {
      code: "cache-refused",
      exitCode: ExitCode.unreachable,
      hint: refusalHints.find(({ sign }) => sign.test(refusal))!.hint,
    });
  return new RagctlError(`${where} could not be reached: ${lastProblem ?? said}`, {
    code: "cache-unreachable",
    exitCode: ExitCode.unreachable,
    hint: "check that it runs and that cache of the config points at it",
    cause: error,
  });
}

const refusalHints: readonly { sign: RegExp; hint: string }[] = [
  { sign: /^(NOAUTH|WRONGPASS|ERR invalid password|ERR AUTH)/, hint: "check cache.password of the config" },
  { sign: /^NOPERM/, hint: "this user's ACL lacks the command; grant it, or use another user" },
  { sign: /^OOM/, hint: "the Redis is full and its policy is noeviction: raise maxmemory or set an allkeys policy" },
  { sign: /^READONLY/, hint: "it is a replica: point the config at the primary, a sentinel or the cluster" },
  { sign: /^(MISCONF|LOADING|CLUSTERDOWN|MASTERDOWN)/, hint: "the Redis itself is in trouble; its log says more" },
  { sign: /^WRONGTYPE/, hint: "something else wrote that key: use another cache.namespace" },
  { sign: /cluster support disabled/, hint: "it is a single server: give cache.url instead of cache.cluster" },
  { sign: /^MOVED|cluster mode/, hint: "it is a Redis Cluster: list its nodes under cache.cluster" },
];
