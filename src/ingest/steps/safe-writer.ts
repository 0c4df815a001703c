import type { ClusterClient, WriteRecord, WriteResult } from "../../cluster/contract.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { Clock } from "../../runtime.ts";
import { initialSizing, nextBatchSizing, type BatchLimits, type BatchSizing, type WriteObservation } from "./batch-size.ts";

/** Key → why it is not stored. */
type Failures = Map<string, string>;

export interface SafeWriter {
  upsert(records: WriteRecord[]): Promise<Failures>;
  delete(keys: string[]): Promise<Failures>;
  /** Nodes that were marked stale because of a write of this run. */
  readonly markedStale: ReadonlySet<string>;
  /** How many records a write carries now, and the extremes of the run. */
  readonly batch: { readonly size: number; readonly smallest: number; readonly largest: number };
}

/** Records of one write: beyond these a larger one gains little, and its text, vectors and bytes are all held in memory. */
const limits: BatchLimits = { min: 8, max: 512, slowUs: 2_000_000 };
/** Of text and vector, roughly: a good way below the 32 MB that a store takes in one body. */
const maxBytes = 8 * 2 ** 20;
const attempts = 3;
/** So many calls in a row that stored nothing at all: the cluster is not there to write to. */
const hopelessAfter = 3;

/**
 * Writes in portions whose size follows what the cluster takes (`nextBatchSizing`), and tries again what failed. A failed
 * write may still land (ROUTING.md, "Late arrivals"), so a second attempt waits one request timeout first: by then the first
 * has landed or never will. It carries the same content, and is a write of its own to the client, which decides whom it may
 * send it to. What was refused as too large was not done: its halves go at once.
 * @throws RagctlError exit 3 when nothing can be stored any more; whatever is not the cluster's state is passed on
 */
export function safeWriter(deps: {
  client: Pick<ClusterClient, "upsert" | "delete">;
  collection: string;
  clock: Clock;
  requestTimeoutMs: number;
  /** Interrupts the waits between attempts. */
  signal: AbortSignal;
  /** Interrupts requests too. */
  hardSignal: AbortSignal;
}): SafeWriter {
  const { client, collection, clock } = deps;
  const markedStale = new Set<string>();
  let sizing: BatchSizing = initialSizing(limits);
  const extremes = { smallest: sizing.size, largest: sizing.size };
  let inVain = 0;

  function learn(observation: WriteObservation): void {
    sizing = nextBatchSizing(sizing, observation, { ...limits, slowUs: (deps.requestTimeoutMs * 1000) / 4 });
    extremes.smallest = Math.min(extremes.smallest, sizing.size);
    extremes.largest = Math.max(extremes.largest, sizing.size);
  }

  /** One call; `tooLarge` where it is its size that was refused. */
  async function attempt<T>(items: T[], keyOf: (item: T) => string, send: (items: T[]) => Promise<WriteResult>, learns: boolean) {
    const startUs = clock.monotonicUs();
    try {
      const { markedStale: stale, failed } = await send(items);
      for (const node of stale) markedStale.add(node);
      const statuses = new Set(failed.map(({ status }) => status));
      const tooLarge = statuses.has(413);
      const outcome = tooLarge ? "too-large" : statuses.has(429) ? "throttled" : failed.length > 0 ? "failed" : "ok";
      if (learns) learn({ records: items.length, elapsedUs: clock.monotonicUs() - startUs, outcome });
      return { failures: new Map(failed.map(({ key, reason }) => [key, reason])), tooLarge };
    } catch (error) {
      deps.hardSignal.throwIfAborted();
      if (!(error instanceof RagctlError)) throw error;
      const tooLarge = error.code === "batch-too-large";
      if (tooLarge && learns) learn({ records: items.length, elapsedUs: 0, outcome: "too-large" });
      // A vector that no store takes is the fault of its record: alone, it is dead.
      const ofThese = tooLarge || error.code === "vector-invalid";
      if (!ofThese && error.exitCode !== ExitCode.unreachable) throw error;
      return { failures: new Map(items.map((item) => [keyOf(item), error.message])), tooLarge: ofThese };
    }
  }

  async function write<T>(
    items: T[],
    keyOf: (item: T) => string,
    send: (items: T[]) => Promise<WriteResult>,
    learns: boolean,
  ): Promise<Failures> {
    let failures: Failures = new Map();
    let pending = items;
    for (let tried = 1; ; tried++) {
      const outcome = await attempt(pending, keyOf, send, learns);
      ({ failures } = outcome);
      pending = pending.filter((item) => failures.has(keyOf(item)));
      if (outcome.tooLarge && pending.length === 1) return failures;
      if (outcome.tooLarge) {
        const middle = pending.length >> 1;
        const halves = [pending.slice(0, middle), pending.slice(middle)];
        const all: Failures = new Map();
        for (const half of halves) for (const [key, reason] of await write(half, keyOf, send, learns)) all.set(key, reason);
        return all;
      }
      if (pending.length === 0 || tried === attempts) break;
      await clock.sleep(deps.requestTimeoutMs * tried, deps.signal);
    }
    inVain = items.length > 0 && failures.size === items.length ? inVain + 1 : 0;
    if (inVain >= hopelessAfter)
      throw new RagctlError(`writes to ${collection} keep failing: ${failures.values().next().value}`, {
        code: "ingest-writes-failing",
        exitCode: ExitCode.unreachable,
        hint: "ragctl status shows the nodes; running the same command again skips what is already stored",
      });
    return failures;
  }

  async function inPortions<T>(
    items: readonly T[],
    bytesOf: (item: T) => number,
    keyOf: (item: T) => string,
    send: (items: T[]) => Promise<WriteResult>,
    learns: boolean,
  ) {
    const all: Failures = new Map();
    for (let from = 0; from < items.length;) {
      // Asked before each write: the size may have changed since the last one.
      const portion = nextPortion(items, from, { records: sizing.size, bytes: maxBytes }, bytesOf);
      from += portion.length;
      for (const [key, reason] of await write(portion, keyOf, send, learns)) all.set(key, reason);
    }
    return all;
  }

  const call = { signal: deps.hardSignal };
  return {
    markedStale,
    batch: {
      get size() {
        return sizing.size;
      },
      get smallest() {
        return extremes.smallest;
      },
      get largest() {
        return extremes.largest;
      },
    },
    upsert: (records) =>
      inPortions(
        records,
        sizeOf,
        ({ key }) => key,
        (some) => client.upsert(collection, some, call),
        true,
      ),
    delete: (keys) =>
      inPortions(
        keys,
        (key) => key.length,
        (key) => key,
        (some) => client.delete(collection, some, call),
        false,
      ),
  };
}

/** The items from a place on that go together: at most so many records and, unless it is one, so many bytes. */
export function nextPortion<T>(
  items: readonly T[],
  from: number,
  most: { records: number; bytes: number },
  bytesOf: (item: T) => number,
): T[] {
  let bytes = 0;
  let to = from;
  for (; to < items.length && to - from < most.records; to++) {
    bytes += bytesOf(items[to]!);
    if (to > from && bytes > most.bytes) break;
  }
  return items.slice(from, to);
}

/** Numbers take about ten characters each in JSON; of a payload, its texts count. */
function sizeOf({ vector, payload = {} }: WriteRecord): number {
  let bytes = vector.length * 10 + 200;
  for (const value of Object.values(payload))
    bytes += typeof value === "string" ? value.length : typeof value === "object" ? JSON.stringify(value).length : 10;
  return bytes;
}
