import type { Redis } from "ioredis";
import { redactUrl } from "../../config/redact.ts";
import type { ClusterConfig } from "../../config/schema.ts";
import { ExitCode, RagctlError, usageError } from "../../errors.ts";
import type { Batch, SliceResult, WorkerBeat } from "./contract.ts";
import { beatTtlMs } from "./contract.ts";

/** Of every key of ours, and of BullMQ's. */
export const keyPrefix = "ragctl";

export interface QueueTarget {
  url: string;
  password?: string | undefined;
  /** `redis://host:6379`, without what is secret. */
  shown: string;
}

/** Which Redis the queue is in. @throws RagctlError exit 2 where nothing says it */
export function queueTarget(flagged: string | undefined, cluster: ClusterConfig): QueueTarget {
  const target = findQueue(flagged, cluster);
  if (target) return target;
  throw usageError([{ path: "--queue", message: `is required: cluster ${cluster.name} of the config names no queue` }], {
    hint: "for example --queue redis://127.0.0.1:6379; not the cache's Redis, which may evict",
  });
}

/** Undefined where nothing says it. @throws RagctlError exit 2 for what is no such URL */
export function findQueue(flagged: string | undefined, cluster: ClusterConfig): QueueTarget | undefined {
  if (flagged === undefined) {
    const { queue } = cluster;
    return queue && { ...queue, shown: redactUrl(queue.url) };
  }
  if (!/^rediss?:\/\/[^/]/.test(flagged) || !URL.canParse(flagged))
    throw usageError([{ path: "--queue", message: `expected a redis:// or rediss:// URL, got "${redactUrl(flagged)}"` }]);
  return { url: flagged, shown: redactUrl(flagged) };
}

/** The queue of a cluster: a connection of its own, and what stands beside BullMQ's keys. */
export interface QueueLink {
  readonly target: QueueTarget;
  /** Of BullMQ. */
  readonly name: string;
  readonly redis: Redis;
  readonly keys: { batches: string; results: string; dead: string; workers: string; alive(worker: string): string };
  /** Turns what Redis throws into a sentence (exit 3). */
  readonly guarded: <T>(work: () => Promise<T>) => Promise<T>;
  close(): void;
}

/**
 * Connects to a queue's Redis.
 * @param patient a worker's: what it asks is asked again until Redis is back, which BullMQ wants
 * @throws RagctlError exit 3 where it cannot be reached, 2 where it may evict keys
 */
export async function openQueue(target: QueueTarget, cluster: string, { patient = false } = {}): Promise<QueueLink> {
  const { Redis } = await import("ioredis");
  const redis = new Redis(target.url, {
    lazyConnect: true,
    connectTimeout: 2_000,
    maxRetriesPerRequest: patient ? null : 1,
    ...(patient ? {} : { commandTimeout: 5_000 }),
    retryStrategy: (times) => Math.min(50 * 2 ** times, 1_000),
    ...(target.password === undefined ? {} : { password: target.password }),
  });
  // Every command reports its own failure; without a listener ioredis would print to the console.
  redis.on("error", () => undefined);
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw error instanceof RagctlError ? error : queueLost(target, error);
    }
  };
  try {
    await guarded(() => redis.connect());
    requireNoEviction(target, await guarded(() => redis.info("memory")));
  } catch (error) {
    redis.disconnect();
    throw error;
  }
  const key = (name: string) => `${keyPrefix}:ingest:${cluster}:${name}`;
  return {
    target,
    name: `ingest-${cluster}`,
    redis,
    keys: {
      batches: key("batches"),
      results: key("results"),
      dead: key("dead"),
      workers: key("workers"),
      alive: (worker) => key(`alive:${worker}`),
    },
    guarded,
    close: () => redis.disconnect(),
  };
}

export function queueLost({ shown }: QueueTarget, cause: unknown): RagctlError {
  return new RagctlError(`The queue's Redis at ${shown} cannot be reached: ${reasonOf(cause)}.`, {
    code: "queue-unreachable",
    exitCode: ExitCode.unreachable,
    hint: "What was enqueued is in it, and what was not finished is done again: start again once it is back.",
    cause,
  });
}

function reasonOf(cause: unknown): string {
  const { message } = cause as Error;
  return (message || (cause as NodeJS.ErrnoException).code || "no answer").replace(/\.$/, "");
}

function requireNoEviction({ shown }: QueueTarget, info: string): void {
  const policy = /maxmemory_policy:(\S+)/.exec(info)?.[1];
  if (policy === undefined || policy === "noeviction") return;
  throw new RagctlError(`${shown} may evict keys (maxmemory-policy ${policy}), and with them work.`, {
    code: "queue-evicts",
    exitCode: ExitCode.usage,
    hint: "Give the queue a Redis with maxmemory-policy noeviction; not the cache's. The state's will do.",
  });
}

export async function readBatches({ redis, keys, guarded }: QueueLink): Promise<Batch[]> {
  const all = parsed<Batch>(await guarded(() => redis.hvals(keys.batches)));
  return all.sort((a, b) => b.enqueuedAtMs - a.enqueuedAtMs);
}

export async function readBatch({ redis, keys, guarded }: QueueLink, id: string): Promise<Batch | undefined> {
  const text = await guarded(() => redis.hget(keys.batches, id));
  return text === null ? undefined : (JSON.parse(text) as Batch);
}

export async function putBatch({ redis, keys, guarded }: QueueLink, batch: Batch): Promise<void> {
  await guarded(() => redis.hset(keys.batches, batch.id, JSON.stringify(batch)));
}

export async function readResults({ redis, keys, guarded }: QueueLink): Promise<SliceResult[]> {
  return parsed<SliceResult>(await guarded(() => redis.hvals(keys.results)));
}

/** Every worker that has not said good-bye, and whether it was heard of lately. */
export async function readWorkers({ redis, keys, guarded }: QueueLink): Promise<(WorkerBeat & { alive: boolean })[]> {
  const beats = parsed<WorkerBeat>(await guarded(() => redis.hvals(keys.workers)));
  const found: (WorkerBeat & { alive: boolean })[] = [];
  for (const beat of beats)
    found.push(Object.assign(beat, { alive: (await guarded(() => redis.exists(keys.alive(beat.id)))) === 1 }));
  return found.sort((a, b) => a.startedAtMs - b.startedAtMs);
}

export async function beat({ redis, keys }: QueueLink, worker: WorkerBeat): Promise<void> {
  await redis.hset(keys.workers, worker.id, JSON.stringify(worker));
  await redis.set(keys.alive(worker.id), "1", "PX", beatTtlMs);
}

export async function sayGoodbye({ redis, keys }: QueueLink, worker: string): Promise<void> {
  await redis.hdel(keys.workers, worker);
  await redis.del(keys.alive(worker));
}

function parsed<T>(texts: string[]): T[] {
  return texts.map((text) => JSON.parse(text) as T);
}
