import type { Cluster, Redis } from "ioredis";
import type { Clock } from "../runtime.ts";
import { connectRedis } from "./redis-connect.ts";
import { asCacheError, rootMessage } from "./redis-failure.ts";
import { showAddress, type RedisTarget } from "./redis-target.ts";
import { slotOf } from "./slot.ts";

/** Beyond ioredis's own timeouts, because a command that waits for a cluster's slots has none. */
const deadlineMs = 2000;
/** After failures, at most. */
const lookAroundEveryMs = 500;

/** One connection to a Redis, of whatever kind, with failures as sentences. */
export interface RedisLink {
  readonly client: Redis | Cluster;
  /** As the config has them, without credentials. */
  readonly endpoints: string[];
  /** Runs one command, or a pipeline. @throws RagctlError `cache-unreachable` or `cache-refused`, exit 3 */
  ask: <T>(command: () => Promise<T>) => Promise<T>;
  /** The servers that hold the keys: one, or every primary. Asked for after the first command has been answered. */
  primaries: () => { address: string; server: Redis }[];
  /** Which of them holds a key, as far as is known. */
  addressOf: (key: string) => string;
  close: () => void;
}

/** Nothing is asked yet: the first command connects. */
export async function redisLink(target: RedisTarget, { clock }: { clock: Clock }): Promise<RedisLink> {
  const client: Redis | Cluster = await connectRedis(target);
  const addresses = target.kind === "single" ? [target.address] : target.addresses;
  const endpoints = addresses.map(showAddress);
  const where = `the cache at ${endpoints.join(", ")}`;
  let lastProblem: string | undefined;
  // Without a handler ioredis throws connection errors at the process.
  client.on("error", (error: Error) => (lastProblem = rootMessage(error)));
  client.on("node error", (error: Error) => (lastProblem = rootMessage(error)));
  client.on("ready", () => (lastProblem = undefined));

  let lookedAtMs = 0;
  /** Who holds which slot now? Of a node that is merely lost ioredis would never ask, and go on trying it after its replica has taken over. */
  function lookAround(): void {
    if (!("refreshSlotsCache" in client) || clock.nowMs() - lookedAtMs < lookAroundEveryMs) return;
    lookedAtMs = clock.nowMs();
    client.refreshSlotsCache(() => {});
  }

  return {
    client,
    endpoints,
    async ask(command) {
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
        const failure = asCacheError(error as Error, where, lastProblem);
        if (failure.code === "cache-unreachable") lookAround();
        throw failure;
      } finally {
        late.abort();
      }
    },
    primaries: () => serversOf(client, endpoints),
    addressOf: (key) => ("slots" in client ? client.slots[slotOf(key)]?.[0] : undefined) ?? endpoints[0]!,
    close: () => client.disconnect(),
  };
}

function serversOf(client: Redis | Cluster, endpoints: readonly string[]): { address: string; server: Redis }[] {
  if (!("nodes" in client)) return [{ address: endpoints[0]!.replace(/^rediss?:\/\//, ""), server: client }];
  return client.nodes("master").map((server) => ({ address: `${server.options.host}:${server.options.port}`, server }));
}
