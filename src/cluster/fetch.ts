import { ownersToAsk } from "../sharding/cover.ts";
import { pointIdOf } from "../sharding/point-id.ts";
import type { PointId } from "../stores/contract.ts";
import { runAfter } from "../runtime.ts";
import { slowPart } from "./attempt.ts";
import type { FetchOptions, StoredRecord } from "./contract.ts";
import { faceOf, type RoutedDeps } from "./deps.ts";
import { recordOf, withStampFields } from "./records.ts";
import { rank } from "./rank.ts";
import type { Reader } from "./search-cover.ts";
import { unreachable } from "./unreachable.ts";
import type { View } from "./watch.ts";

/**
 * Points by key, each once and in the order of the keys: as many serving owners of each are asked as the consistency level says, others in the place of
 * those that fail, and as well as those that take long.
 * @throws RagctlError exit 3 where nobody answered for some key
 */
export async function fetchRouted(
  deps: RoutedDeps,
  view: View,
  reader: Reader,
  keys: readonly string[],
  options: FetchOptions,
): Promise<StoredRecord[]> {
  return await new Fetch(deps, view, reader, [...new Set(keys)], options).run();
}

/** One key, and who was asked for it. */
interface Wanted {
  readonly key: string;
  /** Indices of the nodes that can answer for it. */
  readonly owners: readonly number[];
  /** How many of them must. */
  readonly need: number;
  readonly asked: Set<number>;
  answers: number;
}

class Fetch {
  readonly #deps: RoutedDeps;
  readonly #view: View;
  readonly #reader: Reader;
  readonly #options: FetchOptions;
  readonly #wanted: readonly Wanted[];
  /** What the level asks for, of keys with as many owners. */
  readonly #q: number;
  readonly #bestFirst: readonly number[];
  readonly #found = new Map<PointId, StoredRecord>();
  /** Of each id: which node has which version. */
  readonly #copies = new Map<PointId, Map<number, number | undefined>>();
  readonly #failed = new Set<number>();
  /** Others are asked in their place, and they may still answer first. */
  readonly #slow = new Set<number>();
  readonly #ended = Promise.withResolvers<void>();
  #pending = 0;
  #why: string | undefined;

  constructor(deps: RoutedDeps, view: View, reader: Reader, keys: readonly string[], options: FetchOptions) {
    this.#deps = deps;
    this.#view = view;
    this.#reader = reader;
    this.#options = options;
    const { routing } = view;
    const unavailable: number[] = [];
    const ranked = rank(deps, reader.nodes, unavailable).reverse();
    this.#bestFirst = [...ranked.filter((node) => !unavailable.includes(node)), ...unavailable];
    this.#q = ownersToAsk(options.everyOwner ? "all" : deps.level, routing.table.replicas);
    this.#wanted = keys.map((key) => {
      // Where a key alone does not say who owns it, everybody who serves is asked.
      const owners = routing.elsewhere ? routing.everywhere : routing.setAt(routing.stamper.stamp(key).position).read;
      const need = routing.elsewhere ? owners.length : Math.min(this.#q, owners.length);
      return { key, owners, need, asked: new Set(), answers: 0 };
    });
  }

  async run(): Promise<StoredRecord[]> {
    this.#askMore();
    if (this.#pending > 0) await this.#ended.promise;
    this.#options.signal?.throwIfAborted();
    const { routing, collection } = this.#view;
    // On a table where a key may be anywhere, one node that did not answer may be the one that has it.
    const lost = this.#wanted.filter(({ key, answers, owners }) =>
      routing.elsewhere ? !this.#found.has(pointIdOf(key)) && answers < owners.length : answers === 0,
    );
    if (lost.length > 0) throw unreachable(collection, lost.length / this.#wanted.length, this.#why);
    const below = routing.elsewhere ? [] : this.#wanted.filter(({ answers }) => answers < this.#q);
    if (below.length > 0) this.#options.onBelowConsistency?.(below.map(({ key }) => key));
    const records = this.#wanted.map(({ key }) => this.#found.get(pointIdOf(key))).filter((record) => record !== undefined);
    if (!this.#options.everyOwner) return records;
    return records.map((record) => Object.assign({}, record, { agreed: this.#agreed(record) }));
  }

  /** Asks whoever is missing, one request a node. */
  #askMore(): void {
    const work = new Map<number, Wanted[]>();
    for (const wanted of this.#wanted) {
      const { owners, need, asked, answers } = wanted;
      const waiting = owners.filter((node) => asked.has(node) && !this.#failed.has(node) && !this.#slow.has(node)).length;
      // Those that answered are among those that are neither failed nor slow, unless they were slow before they answered.
      let have = Math.max(answers, waiting);
      for (const node of this.#bestFirst) {
        if (have >= need) break;
        if (!owners.includes(node) || asked.has(node) || this.#failed.has(node)) continue;
        asked.add(node);
        work.set(node, [...(work.get(node) ?? []), wanted]);
        have++;
      }
    }
    for (const [node, some] of work) {
      this.#pending++;
      this.#ask(node, some).then(
        () => {
          this.#pending--;
          if (this.#pending === 0 || this.#wanted.every(({ answers, need }) => answers >= need)) this.#ended.resolve();
        },
        (error: unknown) => this.#ended.reject(error),
      );
    }
  }

  async #ask(node: number, some: readonly Wanted[]): Promise<void> {
    const { nodes, clock, requestTimeoutMs } = this.#deps;
    const { timeoutMs = requestTimeoutMs, signal, withVector = false, withPayload } = this.#options;
    const data = faceOf(this.#deps, this.#view);
    const target = this.#reader.nodes[node]!;
    const attempt = nodes.newAttempt();
    const goOn = () => {
      if (this.#slow.has(node)) return;
      this.#slow.add(node);
      nodes.hedged(target);
      this.#askMore();
    };
    const cancelSlow = runAfter(clock, timeoutMs * slowPart, () => {
      nodes.slow(target, attempt);
      goOn();
    });
    const deaf = target.silence.listen(goOn);
    const request = data.prepareFetch(
      some.map(({ key }) => pointIdOf(key)),
      { withPayload: withPayload ? withStampFields([...withPayload], this.#view.routing.table) : true, withVector },
    );
    const answer = await nodes.send(target, data, request, { timeoutMs, signal, attempt }, []);
    cancelSlow();
    deaf();
    if (answer.failure) {
      this.#failed.add(node);
      this.#why = answer.failure.message;
      if (!signal?.aborted) this.#askMore();
      return;
    }
    this.#slow.delete(node);
    for (const wanted of some) wanted.answers++;
    for (const record of data.parseFetch(answer.body).map(recordOf)) this.#take(node, record);
  }

  #take(node: number, record: StoredRecord): void {
    this.#deps.versions.saw(record.version);
    const { routing } = this.#view;
    const place = routing.placeOf(record.payload);
    // What a move left behind is not the point.
    if (place && !routing.serves(node, place.position, place.to)) return;
    const held = this.#copies.get(record.id);
    if (held) held.set(node, record.version);
    else this.#copies.set(record.id, new Map([[node, record.version]]));
    const known = this.#found.get(record.id);
    if (!known || (record.version ?? 0) > (known.version ?? 0)) this.#found.set(record.id, record);
  }

  /** Whether every serving owner of this record is among those that have it, with its version. Without a version nobody can tell. */
  #agreed(record: StoredRecord): boolean {
    const place = this.#view.routing.placeOf(record.payload);
    const copies = this.#copies.get(record.id);
    if (!place || record.version === undefined || !copies) return false;
    return this.#view.routing.setAt(place.position, place.to).read.every((node) => copies.get(node) === record.version);
  }
}
