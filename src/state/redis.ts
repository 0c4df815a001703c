import type { StateConfig } from "../config/schema.ts";
import { RagctlError } from "../errors.ts";
import type { AliasRecord } from "../sharding/alias-record.ts";
import type { RoutingTable } from "../sharding/table.ts";
import { endedLeaseKeptMs, type Lease, type Lock, type LockOwner, type StateStore, type TouchedRecord } from "./contract.ts";
import { scripts } from "./redis-scripts.ts";

type RedisStateConfig = Extract<StateConfig, { driver: "redis" }>;
type Stored<T> = Omit<T, "remainingMs"> & { expiresMs: number };

/**
 * The state store in a Redis of its own. Every change is one Lua script, atomic and on Redis' own clock; all keys of a
 * cluster share a hash tag. As durable as that Redis is set up to be (`appendfsync always` for the promise to the letter).
 * @throws RagctlError exit 3 where it cannot be reached, 2 where it may evict keys
 */
export async function openRedisState(config: RedisStateConfig, clusterName: string): Promise<StateStore> {
  const { Redis } = await import("ioredis");
  const description = `Redis ${shownUrl(config.url)}`;
  const redis = new Redis(config.url, {
    lazyConnect: true,
    connectTimeout: 2_000,
    commandTimeout: 2_000,
    maxRetriesPerRequest: 1,
    // A script whose answer was lost may have run: its caller must look, not ioredis run it again.
    autoResendUnfulfilledCommands: false,
    retryStrategy: (times) => Math.min(50 * 2 ** times, 1_000),
    ...(config.password === undefined ? {} : { password: config.password }),
  });
  // Every command reports its own failure; without a listener ioredis would print to the console.
  redis.on("error", () => undefined);
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw stateError(description, error);
    }
  };
  try {
    await guarded(() => redis.connect());
    requireNoEviction(description, await guarded(() => redis.info("memory")));
  } catch (error) {
    redis.disconnect();
    throw error;
  }

  const key = (name: string) => `ragctl:{${clusterName}}:${name}`;
  const touchedKey = (collection: string, move: string) => key(`touched:${JSON.stringify([collection, move])}`);
  const run = <T>(script: string, keys: string[], ...values: (string | number)[]): Promise<T> =>
    guarded(() => redis.eval(script, keys.length, ...keys, ...values) as Promise<T>);
  const nowMs = async (): Promise<number> => {
    const [seconds, micros] = await guarded(() => redis.time());
    return Number(seconds) * 1000 + Number(micros) / 1000;
  };
  const tableKeys = [key("epochs"), key("tables")];
  const leaseKeys = [key("leases"), key("lease-ends")];
  const lockKeys = [key("locks"), key("tokens")];
  const lockFrom = (text: string, now: number): Lock => {
    const { expiresMs, ...lock } = JSON.parse(text) as Stored<Lock>;
    return { ...lock, remainingMs: expiresMs - now };
  };

  return {
    description,
    async tables() {
      const epochs = await run<string[]>(scripts.epochs, tableKeys);
      return pairs(epochs)
        .map(([collection, epoch]) => ({ collection, epoch: Number(epoch) }))
        .sort((a, b) => (a.collection < b.collection ? -1 : 1));
    },
    async getTable(collection) {
      const json = await guarded(() => redis.hget(key("tables"), collection));
      return json === null ? undefined : (JSON.parse(json) as RoutingTable);
    },
    async createTable(fresh) {
      const [head, tail] = aroundEpoch(fresh);
      const json = await run<string | null>(scripts.create, tableKeys, fresh.collection, head, tail);
      return json === null ? undefined : (JSON.parse(json) as RoutingTable);
    },
    compareAndSet: async (table) =>
      (await run<number>(scripts.replace, tableKeys, table.collection, table.epoch, JSON.stringify(table))) === 1,
    dropTable: async (collection, epoch) => (await run<number>(scripts.drop, tableKeys, collection, epoch)) === 1,

    aliases: async () => aliasesOf(await guarded(() => redis.hvals(key("aliases")))),
    async getAlias(alias) {
      const json = await guarded(() => redis.hget(key("aliases"), alias));
      return json === null ? undefined : (JSON.parse(json) as AliasRecord);
    },
    compareAndSetAlias: async (record) =>
      (await run<number>(scripts.replaceAlias, [key("aliases")], record.alias, record.version, JSON.stringify(record))) === 1,

    async renewLease({ client, purpose, host, ttlMs, confirmed }) {
      const lease = JSON.stringify({ client, purpose, host, confirmed });
      const [epochs, aliases] = await run<[string[], string[]]>(
        scripts.renewLease,
        [...tableKeys, ...leaseKeys, key("aliases")],
        client,
        lease,
        ttlMs,
        endedLeaseKeptMs,
      );
      return {
        epochs: Object.fromEntries(pairs(epochs).map(([collection, epoch]) => [collection, Number(epoch)])),
        aliases: aliasesOf(aliases),
      };
    },
    async releaseLease(client) {
      await run(scripts.releaseLease, leaseKeys, client);
    },
    async leases() {
      const now = await nowMs();
      const found = await run<string[]>(scripts.leases, leaseKeys);
      return pairs(found)
        .map(([json, expiresMs]) => {
          const lease = JSON.parse(json) as Omit<Lease, "remainingMs">;
          return Object.assign(lease, { remainingMs: Number(expiresMs) - now });
        })
        .sort((a, b) => (a.client < b.client ? -1 : 1));
    },

    async acquireLock(name, owner: LockOwner, ttlMs, insteadOf) {
      const [won, answer, now] = await run<[number, string, string]>(
        scripts.acquireLock,
        lockKeys,
        name,
        JSON.stringify(owner),
        ttlMs,
        insteadOf ?? 0,
      );
      return won === 1 ? { acquired: true, token: Number(answer) } : { acquired: false, holder: lockFrom(answer, Number(now)) };
    },
    renewLock: async (name, token, ttlMs) => (await run<number>(scripts.renewLock, lockKeys, name, token, ttlMs)) === 1,
    releaseLock: async (name, token) => (await run<number>(scripts.releaseLock, lockKeys, name, token)) === 1,
    async locks() {
      const now = await nowMs();
      const found = await guarded(() => redis.hvals(key("locks")));
      return found.map((text) => lockFrom(text, now)).sort((a, b) => (a.name < b.name ? -1 : 1));
    },

    async appendTouched(collection, entries) {
      const moves = [...new Set(entries.map(({ move }) => move))];
      const values = entries.flatMap(({ move, kind, id, op }) => [moves.indexOf(move) + 1, JSON.stringify({ kind, id, op })]);
      if (entries.length === 0) return;
      await run(
        scripts.appendTouched,
        moves.map((move) => touchedKey(collection, move)),
        ...values,
      );
    },
    async readTouched(collection, move, afterSeq, limit) {
      const found = await guarded(() => redis.lrange(touchedKey(collection, move), afterSeq, afterSeq + limit - 1));
      return found.map((text, index) => {
        const entry = JSON.parse(text) as Omit<TouchedRecord, "seq" | "move">;
        return Object.assign(entry, { move, seq: afterSeq + index + 1 });
      });
    },
    async dropTouched(collection, move) {
      await guarded(() => redis.del(touchedKey(collection, move)));
    },
    close() {
      redis.disconnect();
      return Promise.resolve();
    },
  };
}

/** The table's JSON, cut where the script puts the epoch that only Redis knows. */
function aroundEpoch(table: object): [head: string, tail: string] {
  const marker = JSON.stringify({ ...table, epoch: 0 });
  const at = marker.lastIndexOf('"epoch":0') + '"epoch":'.length;
  return [marker.slice(0, at), marker.slice(at + 1)];
}

function aliasesOf(texts: string[]): AliasRecord[] {
  return texts.map((text) => JSON.parse(text) as AliasRecord).sort((a, b) => (a.alias < b.alias ? -1 : 1));
}

function pairs(flat: string[]): [string, string][] {
  return Array.from({ length: flat.length / 2 }, (_, index) => [flat[index * 2]!, flat[index * 2 + 1]!]);
}

function requireNoEviction(description: string, info: string): void {
  const policy = /maxmemory_policy:(\S+)/.exec(info)?.[1];
  if (policy === undefined || policy === "noeviction") return;
  throw new RagctlError(`${description} may evict keys (maxmemory-policy ${policy}), and with them routing tables and locks.`, {
    code: "state-evicts",
    exitCode: 2,
    hint: "Give the state a Redis of its own, with maxmemory-policy noeviction; never the cache's.",
  });
}

function stateError(description: string, cause: unknown): RagctlError {
  return new RagctlError(`The cluster's state cannot be reached: ${description}: ${(cause as Error).message}`, {
    code: "state-unavailable",
    exitCode: 3,
    hint: "Check state.url, and that this Redis is up.",
    cause,
  });
}

function shownUrl(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  return `${protocol}//${host}${pathname === "/" ? "" : pathname}`;
}
