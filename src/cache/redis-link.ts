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
/** A connection that answered nothing for so long, while commands failed, is given up. */
const hangsAfterMs = 1000;

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
  const listed = endpoints.length > 3 ? `${endpoints[0]} and ${endpoints.length - 1} more` : endpoints.join(", ");
  const where =
    target.kind === "sentinel" ? `the cache ${target.name} behind the sentinels at ${listed}` : `the cache at ${listed}`;
  let lastProblem: string | undefined;
  // Without a handler ioredis throws connection errors at the process.
  client.on("error", (error: Error) => (lastProblem = rootMessage(error)));
  client.on("node error", (error: Error) => (lastProblem = rootMessage(error)));
  client.on("ready", () => (lastProblem = undefined));

  let lookedAtMs = 0;
  let answeredAtMs = 0;
  /**
   * Who holds which slot now; behind sentinels, who is the primary? Of a node that is merely lost, or hangs with its connection open, ioredis would never ask, and go on trying it after its
   * replica has taken over.
   */
  function lookAround(): void {
    const nowMs = clock.nowMs();
    if (nowMs - lookedAtMs < lookAroundEveryMs) return;
    lookedAtMs = nowMs;
    if ("refreshSlotsCache" in client) client.refreshSlotsCache(() => {});
    else if (target.kind === "sentinel" && isConnected(client) && nowMs - answeredAtMs > hangsAfterMs) client.disconnect(true);
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
        const answer = await Promise.race([
          pending,
          clock.sleep(deadlineMs, late.signal).then((): never => {
            throw new Error(lastProblem ?? `no answer within ${deadlineMs / 1000} s`);
          }),
        ]);
        answeredAtMs = clock.nowMs();
        return answer;
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
  if (!("nodes" in client)) return [{ address: addressOf(client) ?? endpoints[0]!.replace(/^rediss?:\/\//, ""), server: client }];
  return client.nodes("master").map((server) => ({ address: `${server.options.host}:${server.options.port}`, server }));
}

/** Behind sentinels, the server that it is connected to. */
function addressOf({ options, stream }: Redis): string | undefined {
  if (!options.sentinels || stream?.remoteAddress === undefined) return undefined;
  return `${stream.remoteAddress}:${stream.remotePort}`;
}

/** As far as TCP goes: whoever hangs still accepts connections. */
function isConnected({ status }: Redis): boolean {
  return status === "connect" || status === "ready";
}
