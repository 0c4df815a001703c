import type { ClusterClient, WriteRecord, WriteResult } from "../../cluster/contract.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import type { Clock } from "../../runtime.ts";

/** Key → why it is not stored. */
type Failures = Map<string, string>;

export interface SafeWriter {
  upsert(records: WriteRecord[]): Promise<Failures>;
  delete(keys: string[]): Promise<Failures>;
  /** Nodes that were marked stale because of a write of this run. */
  readonly markedStale: ReadonlySet<string>;
}

const maxRecords = 256;
/** Of text and vector, roughly: a good way below the 32 MB that a store takes in one body. */
const maxBytes = 4 * 2 ** 20;
const attempts = 3;
/** So many calls in a row that stored nothing at all: the cluster is not there to write to. */
const hopelessAfter = 3;

/**
 * Writes in portions, and tries again what failed. A failed write may still land (ROUTING.md, "Late arrivals"), so a second
 * attempt waits one request timeout first: by then the first has landed or never will. It carries the same content, and is
 * a write of its own to the client, which decides whom it may send it to.
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
  let inVain = 0;

  async function attempt<T>(
    items: T[],
    keyOf: (item: T) => string,
    send: (items: T[]) => Promise<WriteResult>,
  ): Promise<Failures> {
    try {
      const result = await send(items);
      for (const node of result.markedStale) markedStale.add(node);
      return new Map(result.failed.map(({ key, reason }) => [key, reason]));
    } catch (error) {
      deps.hardSignal.throwIfAborted();
      if (!(error instanceof RagctlError) || error.exitCode !== ExitCode.unreachable) throw error;
      return new Map(items.map((item) => [keyOf(item), error.message]));
    }
  }

  async function write<T>(items: T[], keyOf: (item: T) => string, send: (items: T[]) => Promise<WriteResult>): Promise<Failures> {
    let failures: Failures = new Map();
    let pending = items;
    for (let tried = 1; ; tried++) {
      failures = await attempt(pending, keyOf, send);
      pending = pending.filter((item) => failures.has(keyOf(item)));
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

  async function inPortions<T>(portions: Iterable<T[]>, keyOf: (item: T) => string, send: (items: T[]) => Promise<WriteResult>) {
    const all: Failures = new Map();
    for (const portion of portions) for (const [key, reason] of await write(portion, keyOf, send)) all.set(key, reason);
    return all;
  }

  const call = { signal: deps.hardSignal };
  return {
    markedStale,
    upsert: (records) =>
      inPortions(
        portions(records, sizeOf),
        ({ key }) => key,
        (some) => client.upsert(collection, some, call),
      ),
    delete: (keys) =>
      inPortions(
        portions(keys, (key) => key.length),
        (key) => key,
        (some) => client.delete(collection, some, call),
      ),
  };
}

/** Cuts a list so that no portion has more than `maxRecords` items or, unless it is one item, `maxBytes`. */
export function* portions<T>(items: readonly T[], bytesOf: (item: T) => number): Generator<T[]> {
  let portion: T[] = [];
  let bytes = 0;
  for (const item of items) {
    const size = bytesOf(item);
    if (portion.length > 0 && (portion.length === maxRecords || bytes + size > maxBytes)) {
      yield portion;
      portion = [];
      bytes = 0;
    }
    portion.push(item);
    bytes += size;
  }
  if (portion.length > 0) yield portion;
}

/** Numbers take about ten characters each in JSON. */
function sizeOf({ vector, payload }: WriteRecord): number {
  return vector.length * 10 + JSON.stringify(payload ?? {}).length;
}
