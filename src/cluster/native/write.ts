import { RagctlError, usageError } from "../../errors.ts";
import { cellKey, cellKeys, endCopyPause } from "../../sharding/native-table.ts";
import { field, physicalOf, type RoutingTable } from "../../sharding/table.ts";
import { stampedPayload, type Stamp } from "../../sharding/keys.ts";
import type { TouchedEntry } from "../../state/contract.ts";
import type { DataFace, Filter, PointId, ShardKey } from "../../stores/contract.ts";
import type { CallOptions, WriteRecord, WriteResult } from "../contract.ts";
import type { ClusterDeps } from "../deps.ts";
import { statusOf, type NodeFailure } from "../node.ts";
import type { View } from "../watch.ts";
import type { NativeSend } from "./send.ts";
import type { NativeViews } from "./views.ts";

const endPauseAfterMs = 2_000;
const lookAgainMs = 25;
/** Ids in one filter. */
const idsAtOnce = 500;

/** A key to write, or (without a record) to delete. */
interface Item {
  key: string;
  record?: WriteRecord;
}
interface Planned extends Item {
  stamp: Stamp;
}

export interface NativeWriterDeps extends ClusterDeps {
  readonly sender: NativeSend;
  readonly views: NativeViews;
  readonly hashOf: (key: string) => number;
  readonly idOf: (key: string) => PointId;
  readonly clientId: string;
}

const leaseRanOut = "the lease on the routing table ran out while it was written, so it is not acknowledged";

/** The write path of a native client (ROUTING.md, "Cells of a native cluster"). */
export class NativeWriter {
  readonly #deps: NativeWriterDeps;
  /** Two writes of this client to one key go one after the other. */
  readonly #busy = new Map<string, Promise<unknown>>();
  /** The pause that was met last, and when: several short writes end one that nobody ends, as a long one does. */
  #paused: { pause: string; sinceUs: number } | undefined;
  #operations = 0;
  #closed = false;

  constructor(deps: NativeWriterDeps) {
    this.#deps = deps;
  }

  /** @throws RagctlError exit 2 for what no store can take, 3 without a state store */
  async write(collection: string, items: readonly Item[], options: CallOptions): Promise<WriteResult> {
    const { clock, requestTimeoutMs, views } = this.#deps;
    const unique = [...new Map(items.map((item) => [item.key, item])).values()];
    const none: WriteResult = { acknowledged: [], failed: [], version: 0, markedStale: [] };
    if (unique.length === 0) return none;
    const deadlineUs = clock.monotonicUs() + (options.timeoutMs ?? requestTimeoutMs) * 1000;
    for (;;) {
      options.signal?.throwIfAborted();
      if (this.#closed) throw new RagctlError("The client is closed.", { code: "client-closed", exitCode: 1 });
      const view = views.current(collection);
      if (view === undefined) {
        await views.ask(collection);
        continue;
      }
      const busy = unique.map(({ key }) => this.#busy.get(`${collection}\n${key}`)).filter((other) => other !== undefined);
      if (busy.length > 0) {
        await Promise.allSettled(busy);
        continue;
      }
      const copy = view === "none" ? undefined : view.routing.table.native?.copy;
      if (copy?.phase === "paused") {
        const pause = `${collection} ${copy.id} ${copy.pause}`;
        if (this.#paused?.pause !== pause) this.#paused = { pause, sinceUs: clock.monotonicUs() };
        if (clock.monotonicUs() - this.#paused.sinceUs >= endPauseAfterMs * 1000)
          await views.watch.change(collection, (table) => endCopyPause(table, copy.id, copy.pause));
        if (clock.monotonicUs() >= deadlineUs)
          return {
            ...none,
            failed: unique.map(({ key }) => ({ key, reason: "a copy of the collection held writes for too long" })),
          };
        await clock.sleep(lookAgainMs, options.signal);
        await views.watch.reread(collection);
        continue;
      }
      // No await since the view was current: from here on the epoch after it waits for this write.
      if (view !== "none") views.watch.begin(view);
      const writing = this.#writeUnder(collection, view === "none" ? undefined : view, unique, options).finally(() => {
        if (view !== "none") views.watch.end(view);
      });
      return await this.#occupy(collection, unique, writing);
    }
  }

  #occupy<T>(collection: string, items: readonly Item[], writing: Promise<T>): Promise<T> {
    const names = items.map(({ key }) => `${collection}\n${key}`);
    for (const name of names) this.#busy.set(name, writing);
    return writing.finally(() => {
      for (const name of names) this.#busy.delete(name);
    });
  }

  /** Takes no more writes, and resolves when those in flight have ended. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#busy.values());
  }

  async #writeUnder(
    collection: string,
    view: View | undefined,
    items: readonly Item[],
    options: CallOptions,
  ): Promise<WriteResult> {
    const { versions, face } = this.#deps;
    const table = view?.routing.table;
    const data = face(table ? physicalOf(table) : collection);
    const planned = items.map((item) => this.#planned(item, view));
    const keys = table && cellKeys(table.partitioner);
    // What is there may be of a writer whose clock runs ahead: a version below it would lose.
    const unseen = keys ? await this.#see(data, planned, options) : undefined;
    const version = versions.next();
    const result: WriteResult = { acknowledged: [], failed: [], version, markedStale: [] };
    if (unseen !== undefined) {
      result.failed = planned.map(({ key }) => ({ key, reason: unseen }));
      return result;
    }
    // Bytes first: what cannot be written must fail before anything is logged or sent.
    const requests = this.#requests(data, planned, version, keys);
    const op = `${this.#deps.clientId}.${++this.#operations}`;
    await this.#log(table, planned, "before", op);
    const fail = (some: readonly Planned[], { message, ...failure }: { message: string; status?: number }) => {
      for (const { key } of some) result.failed.push({ key, reason: message, ...statusOf(failure) });
    };
    if (view && (await this.#leaseLost(view))) {
      fail(planned, { message: "the routing table changed before it was sent" });
      return result;
    }
    const open = new Set<Planned>();
    const stored: Planned[] = [];
    await Promise.all(
      requests.map(async ({ some, request }) => {
        const failure = await this.#deps.sender.write(data, request, options);
        if (!failure) stored.push(...some);
        else fail(some, failure);
        if (failure?.mayLand) for (const each of some) open.add(each);
      }),
    );
    // Only what is stored may be taken away elsewhere: a write that fails must not cost what was there before.
    const removal = keys && (await this.#removeOlder(data, stored, version, keys, options));
    if (removal) {
      fail(stored, removal);
      if (removal.mayLand) for (const each of stored) open.add(each);
    }
    await this.#log(
      table,
      planned.filter((each) => !open.has(each)),
      "after",
      op,
    );
    if (view && (await this.#leaseLost(view))) {
      result.failed = planned.map(({ key }) => ({ key, reason: leaseRanOut }));
      return result;
    }
    if (!view && (await this.#overtaken(collection))) {
      result.failed = planned.map(({ key }) => ({ key, reason: leaseRanOut }));
      return result;
    }
    if (!removal) result.acknowledged.push(...stored.map(({ key }) => key));
    return result;
  }

  #planned(item: Item, view: View | undefined): Planned {
    const { key, record } = item;
    if (!view) {
      const h = this.#deps.hashOf(key);
      return { ...item, stamp: { id: this.#deps.idOf(key), h, position: h } };
    }
    const { routing } = view;
    const { size } = routing.table.vector;
    if (record && record.vector.length !== size)
      throw usageError(
        [{ path: key, message: `its vector has ${record.vector.length} dimensions; those of ${view.collection} have ${size}` }],
        { code: "dimension-mismatch" },
      );
    return { ...item, stamp: routing.stamper.stamp(key, record?.vector) };
  }

  /** Takes in the versions of what there is of these keys. @returns why it could not */
  async #see(data: DataFace, planned: readonly Planned[], options: CallOptions): Promise<string | undefined> {
    const { sender, versions } = this.#deps;
    const ids = planned.filter(({ record }) => record).map(({ stamp }) => stamp.id);
    for (let at = 0; at < ids.length; at += idsAtOnce) {
      const request = data.prepareFetch(ids.slice(at, at + idsAtOnce), { withPayload: [field.version] });
      try {
        for (const { payload } of await sender.read(data, request, options, (body) => data.parseFetch(body))) {
          const version = payload?.[field.version];
          if (typeof version === "number") versions.saw(version);
        }
      } catch (error) {
        if (!(error instanceof RagctlError)) throw error;
        return error.message;
      }
    }
    return undefined;
  }

  #requests(data: DataFace, planned: readonly Planned[], version: number, keys: readonly string[] | undefined) {
    const { maxBatch } = this.#deps.capabilities;
    const requests: { some: readonly Planned[]; request: ReturnType<DataFace["prepareUpsert"]> }[] = [];
    const add = (
      some: readonly Planned[],
      prepare: (some: readonly Planned[]) => ReturnType<DataFace["prepareUpsert"]>,
    ): void => {
      if (some.length === 0) return;
      const half = Math.ceil(some.length / 2);
      const halves = () => [some.slice(0, half), some.slice(half)].forEach((part) => add(part, prepare));
      if (some.length > maxBatch) return halves();
      try {
        requests.push({ some, request: prepare(some) });
      } catch (error) {
        if (!(error instanceof RagctlError && error.code === "batch-too-large") || some.length === 1) throw error;
        halves();
      }
    };
    const upserts = planned.filter(({ record }) => record);
    const groups = Map.groupBy(upserts, ({ stamp }): ShardKey | undefined => (keys ? cellKey(stamp.cell!) : undefined));
    for (const [shardKey, group] of groups)
      add(group, (some) =>
        data.prepareUpsert(
          some.map(({ key, record, stamp }) => {
            const payload = stampedPayload(record!.payload, key, stamp, version);
            return { id: stamp.id, vector: record!.vector, payload };
          }),
          // What landed late must not undo what came after it.
          { wait: true, ...(shardKey !== undefined && { shardKey, onlyIf: olderThan(version + 1) }) },
        ),
      );
    add(
      planned.filter(({ record }) => !record),
      (some) => data.prepareDelete({ ids: some.map(({ stamp }) => stamp.id) }, { wait: true, ...(keys && { shardKeys: keys }) }),
    );
    return requests;
  }

  /** What other keys' shards have of these points, unless it is newer. */
  async #removeOlder(
    data: DataFace,
    stored: readonly Planned[],
    version: number,
    shardKeys: readonly string[],
    options: CallOptions,
  ): Promise<NodeFailure | undefined> {
    const ids = stored.filter(({ record }) => record).map(({ stamp }) => stamp.id);
    for (let at = 0; at < ids.length; at += idsAtOnce) {
      const filter: Filter = { must: [{ has_id: ids.slice(at, at + idsAtOnce) }, olderThan(version)] };
      const failure = await this.#deps.sender.write(data, data.prepareDelete({ filter }, { wait: true, shardKeys }), options);
      if (failure) return failure;
    }
    return undefined;
  }

  async #log(
    table: RoutingTable | undefined,
    planned: readonly Planned[],
    kind: TouchedEntry["kind"],
    op: string,
  ): Promise<void> {
    const copy = table?.native?.copy;
    if (!copy || planned.length === 0) return;
    const entries = planned.map(({ stamp }): TouchedEntry => ({ move: copy.id, kind, id: stamp.id, op }));
    await this.#deps.views.watch.appendTouched(table.collection, entries);
  }

  /** Whether a copy may have begun of which a write that went without a table knew nothing: this process was held up on the way. */
  async #overtaken(collection: string): Promise<boolean> {
    const { views } = this.#deps;
    try {
      if (views.current(collection) === undefined) await views.ask(collection);
    } catch (error) {
      if (!(error instanceof RagctlError)) throw error;
      return true;
    }
    const table = views.peek(collection)?.routing.table;
    return table !== undefined && (table.native?.copy !== undefined || table.physical !== undefined);
  }

  /** Whether what is in flight may not be acknowledged any more: the table has changed under it, or cannot be looked at. */
  async #leaseLost({ collection, epoch }: View): Promise<boolean> {
    const { watch } = this.#deps.views;
    if (watch.leaseHolds) return false;
    await watch.refresh().catch(() => undefined);
    return !watch.leaseHolds || watch.peek(collection)?.epoch !== epoch;
  }
}

/** Points of a version below this one, or of none: what was written without ragctl. */
function olderThan(version: number): Filter {
  return { should: [{ key: field.version, range: { lt: version } }, { is_empty: { key: field.version } }] };
}
