import { RagctlError } from "../errors.ts";
import { endPause, markQuiet } from "../sharding/transitions.ts";
import type { Move } from "../sharding/table.ts";
import type { DataFace } from "../stores/contract.ts";
import type { TouchedEntry } from "../state/contract.ts";
import type { CallOptions, WriteResult } from "./contract.ts";
import { faceOf, type RoutedDeps } from "./deps.ts";
import { statusOf } from "./node.ts";
import { nothingAside } from "./set-aside.ts";
import type { View } from "./watch.ts";
import { planWrite, removalsByNode, workByNode, type PlannedKey, type WriteItem, type WritePlan } from "./write-plan.ts";
import { prepareWork, type WriteRequest } from "./write-requests.ts";
import { tallyOf } from "./write-tally.ts";
import { nodeOf, sendWave, type Wave } from "./write-wave.ts";

const endPauseAfterMs = 2_000;
const lookAgainMs = 25;

const leaseRanOut = "the lease on the routing table ran out while it was written, so it is not acknowledged";

/** The write path of a routed client (ROUTING.md, "Writing"). One instance a client: it knows which keys are in flight. */
export class Writer {
  readonly #deps: RoutedDeps;
  /** By collection and id: two writes of this client to one key go one after the other, so that all replicas see them in one order. */
  readonly #busy = new Map<string, Promise<unknown>>();
  /** Nodes of a collection whose unanswered write the state store could not be told of yet. */
  readonly #untold = new Map<string, Set<string>>();
  #operations = 0;
  #closed = false;

  constructor(deps: RoutedDeps) {
    this.#deps = deps;
  }

  /**
   * Writes a batch: one request a node, unless the store's limits ask for more.
   * @returns which keys are on every replica that serves, and why the others are not acknowledged
   * @throws RagctlError exit 2 for what no store can take, or a collection without a table; 3 without a state store
   */
  async write(collection: string, items: readonly WriteItem[], options: CallOptions): Promise<WriteResult> {
    const { clock, requestTimeoutMs } = this.#deps;
    const deadlineUs = clock.monotonicUs() + (options.timeoutMs ?? requestTimeoutMs) * 1000;
    const none: WriteResult = { acknowledged: [], failed: [], version: this.#deps.versions.next(), markedStale: [] };
    if (items.length === 0) return none;
    const ready = await this.#whenFree(collection, items, deadlineUs, options);
    if ("refused" in ready) return { ...none, failed: uniqueKeys(items).map((key) => ({ key, reason: ready.refused })) };
    return await ready.writing;
  }

  /** Takes no more writes, and resolves when those in flight have ended: one that is cut off would cost its node its place. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled(this.#busy.values());
  }

  /** Waits until no other write of this client has one of the keys, and no pause holds one; then begins under the view of that moment. */
  async #whenFree(
    collection: string,
    items: readonly WriteItem[],
    deadlineUs: number,
    options: CallOptions,
  ): Promise<{ writing: Promise<WriteResult> } | { refused: string }> {
    const { signal } = options;
    const { clock, watch } = this.#deps;
    const pausedSinceUs = new Map<string, number>();
    for (;;) {
      signal?.throwIfAborted();
      if (this.#closed) throw new RagctlError("The client is closed.", { code: "client-closed", exitCode: 1 });
      await this.#tell(collection);
      const view = watch.current(collection) ?? (await watch.live(collection));
      if (!view) throw noTable(collection);
      // What `live` waited for may have been overtaken.
      if (watch.current(collection) !== view) continue;
      const plan = planWrite(view.routing, items);
      const busy = plan.keys
        .map(({ stamp }) => this.#busy.get(busyKey(collection, stamp.id)))
        .filter((other) => other !== undefined);
      if (busy.length > 0) await Promise.allSettled(busy);
      else if (plan.paused.length > 0) {
        if (clock.monotonicUs() >= deadlineUs) return { refused: "a move of these points held writes for too long" };
        await this.#holdFor(collection, plan.paused, pausedSinceUs, signal);
      } else {
        // No await since the view was current: from here on the epoch after it waits for this write.
        watch.begin(view);
        const writing = this.#writeUnder(view, plan, options).finally(() => watch.end(view));
        return { writing: this.#occupy(collection, plan.keys, writing) };
      }
    }
  }

  /** @throws RagctlError exit 3 while the state store cannot be reached: until then nothing more is written */
  async #tell(collection: string): Promise<void> {
    const untold = this.#untold.get(collection);
    if (!untold) return;
    for (const id of untold) await this.#deps.watch.change(collection, (table) => markQuiet(table, id));
    this.#untold.delete(collection);
  }

  /** One look at pauses that hold us; one that has lasted 2 s is ended, by compare-and-set. */
  async #holdFor(collection: string, paused: readonly Move[], sinceUs: Map<string, number>, signal?: AbortSignal): Promise<void> {
    const { clock, watch } = this.#deps;
    const nowUs = clock.monotonicUs();
    for (const { id, pause } of paused) {
      const name = `${id} ${pause}`;
      const since = sinceUs.get(name) ?? nowUs;
      sinceUs.set(name, since);
      if (nowUs - since >= endPauseAfterMs * 1000) await watch.change(collection, (table) => endPause(table, id, pause));
    }
    await clock.sleep(lookAgainMs, signal);
    await watch.reread(collection);
  }

  #occupy(collection: string, keys: readonly PlannedKey[], writing: Promise<WriteResult>): Promise<WriteResult> {
    const names = keys.map(({ stamp }) => busyKey(collection, stamp.id));
    for (const name of names) this.#busy.set(name, writing);
    return writing.finally(() => {
      for (const name of names) this.#busy.delete(name);
    });
  }

  async #writeUnder(view: View, plan: WritePlan, options: CallOptions): Promise<WriteResult> {
    const { watch, versions, clientId } = this.#deps;
    const { collection } = view;
    const version = versions.next();
    const result: WriteResult = { acknowledged: [], failed: [...plan.failed], version, markedStale: [] };
    const failAll = (reason: string) => {
      for (const { key } of plan.keys) result.failed.push({ key, reason });
      return result;
    };
    if (plan.keys.length === 0) return result;
    // Bytes first: what cannot be written must fail before anything is logged or sent.
    const data = faceOf(this.#deps, view);
    const requests = workByNode(plan.keys).flatMap((work) => prepareWork(data, work, version, this.#deps.capabilities.maxBatch));
    const nodes = new Set([...requests.map(({ node }) => node), ...plan.keys.flatMap(({ elsewhere }) => elsewhere)]);
    const op = `${clientId}.${++this.#operations}`;
    await this.#log(collection, plan.keys, "before", op);
    if (!watch.leaseHolds) {
      await watch.refresh();
      if (watch.peek(collection) !== view) return failAll("the routing table changed before it was sent");
    }
    // With nothing awaited between here and the sending: once it has begun, a node that is only busy would lose its place.
    const full = [...nodes].map((node) => nodeOf(this.#deps, view, node)).find(({ gate }) => !gate.open);
    if (full) {
      await this.#log(collection, plan.keys, "after", op);
      return failAll(`overload: too much is under way at ${full.id}`);
    }
    const nothing: Wave = { sent: [], aside: nothingAside() };
    let wave = await this.#send(view, data, requests, options, nothing);
    // Only what its owners have may be taken away elsewhere: a write that fails must not cost what was there before.
    const stored = this.#storedOf(
      plan.keys.filter(({ elsewhere }) => elsewhere.length > 0),
      wave,
    );
    if (stored.length > 0) {
      if (await this.#leaseLost(view)) return failAll(leaseRanOut);
      const removals = removalsByNode(stored, wave.aside.stale).flatMap((work) =>
        prepareWork(data, work, version, this.#deps.capabilities.maxBatch),
      );
      wave = await this.#send(view, data, removals, options, wave);
    }
    const { sent, aside } = wave;
    const tally = tallyOf(sent);
    result.markedStale.push(...aside.marked);
    const unanswered = (planned: PlannedKey) => tally.of(planned).failures.some(({ mayLand }) => mayLand);
    await this.#log(
      collection,
      plan.keys.filter((planned) => !unanswered(planned)),
      "after",
      op,
    );
    if (await this.#leaseLost(view)) return failAll(leaseRanOut);
    for (const planned of plan.keys) {
      const { acks, failures } = tally.of(planned);
      const open = failures.find(({ node }) => !aside.stale.has(node));
      if (open)
        result.failed.push({ key: planned.key, reason: aside.refusals.get(open.node) ?? open.message, ...statusOf(open) });
      else if (acks < this.#deps.minAcks)
        result.failed.push({
          key: planned.key,
          reason: failures[0]?.message ?? `${acks} of ${this.#deps.minAcks} acknowledgements: too few owners are in service`,
          ...statusOf(failures[0] ?? {}),
        });
      else result.acknowledged.push(planned.key);
    }
    return result;
  }

  /** Whether what is in flight may not be acknowledged any more: the table has changed under it, or cannot be looked at. */
  async #leaseLost(view: View): Promise<boolean> {
    const { watch } = this.#deps;
    if (watch.leaseHolds) return false;
    await watch.refresh().catch(() => undefined);
    return !watch.leaseHolds || watch.peek(view.collection)?.epoch !== view.epoch;
  }

  /** Those that all owners that serve have, and enough of them. */
  #storedOf(keys: readonly PlannedKey[], { sent, aside }: Wave): PlannedKey[] {
    const tally = tallyOf(sent);
    return keys.filter((planned) => {
      const { acks, failures } = tally.of(planned);
      return acks >= this.#deps.minAcks && failures.every(({ node }) => aside.stale.has(node));
    });
  }

  async #send(view: View, data: DataFace, requests: readonly WriteRequest[], options: CallOptions, before: Wave): Promise<Wave> {
    const { collection } = view;
    const wave = await sendWave(this.#deps, view, data, requests, options, before);
    const { untold } = wave.aside;
    if (untold.length > 0) this.#untold.set(collection, new Set([...(this.#untold.get(collection) ?? []), ...untold]));
    return wave;
  }

  async #log(collection: string, keys: readonly PlannedKey[], kind: TouchedEntry["kind"], op: string): Promise<void> {
    const entries = keys.flatMap(({ moves, stamp }) =>
      [...new Set(moves.map((move) => move.log ?? move.id))].map((move): TouchedEntry => ({ move, kind, id: stamp.id, op })),
    );
    if (entries.length > 0) await this.#deps.state.appendTouched(collection, entries);
  }
}

function busyKey(collection: string, id: number | string): string {
  return `${collection}\n${typeof id}\n${id}`;
}

function uniqueKeys(items: readonly WriteItem[]): string[] {
  return [...new Set(items.map(({ key }) => key))];
}

export function noTable(collection: string): RagctlError {
  return new RagctlError(`There is no collection ${collection} with a routing table in this cluster.`, {
    code: "no-collection",
    exitCode: 2,
    hint: "ragctl ingest creates one; ragctl status lists those there are.",
  });
}
