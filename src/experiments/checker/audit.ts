import type { ClusterClient, StoredRecord } from "../../cluster/contract.ts";
import { RagctlError } from "../../errors.ts";
import type { Clock } from "../../runtime.ts";
import { pointIdOf } from "../../sharding/point-id.ts";
import { findDoubled } from "./doubled.ts";
import { findingOf, KeyHistory, staleReads, type Expectation, type Finding } from "./judge.ts";
import type { WriteHistory } from "./history.ts";
import { ownersNow } from "./owners.ts";
import type { CheckedWrites, WriteExample } from "./result.ts";

export interface AuditDeps {
  client: ClusterClient;
  clock: Clock;
  signal?: AbortSignal;
}

/** Keys asked of a node at a time. */
const batch = 256;
const tries = 3;
const tryAgainMs = 300;
/** A node that did not answer is not asked again for so long: there may be thousands of batches. */
const leftAloneUs = 10e6;
/** What looks wrong is looked at again after so long: a write or a table's change may have been under way. */
const lookAgainMs = 1_000;
/** Of so many; beyond, the first look counts: a cluster that has lost as many has lost them. */
const mostSuspects = 5_000;
const mostExamples = 20;
/** A client's view of the table may lag by its lease. */
const leaseMs = 5_000;

type Suspect = { key: string; expectation: Expectation };
type Copies = Map<string, StoredRecord | undefined>;

/** What is wrong with one key, on which of its replicas. */
interface Lost {
  key: string;
  finding: Exclude<Finding, "fine">;
  nodes: string[];
  everywhere: boolean;
  expectedVersion: number | null;
  foundVersion: number | null;
}

/** Holds a history against every replica that serves, a batch of keys at a time: memory and time grow with a batch and with the keys, not with their square. */
export class Audit {
  readonly #deps: AuditDeps;
  readonly #collection: string;
  readonly #found: CheckedWrites;
  readonly #suspects: Suspect[] = [];
  /** Nodes that did not answer, until when they are left alone. */
  readonly #silentUntilUs = new Map<string, number>();

  constructor(collection: string, history: WriteHistory, deps: AuditDeps) {
    this.#deps = deps;
    this.#collection = collection;
    const { acknowledged, unknown, reads } = history.counts;
    const none = { keys: 0, lost: 0, lostEverywhere: 0, doubled: 0, stale: 0, staleWithinLease: 0, copies: 0, unaudited: 0 };
    this.#found = { acknowledged, unknown, reads, ...none, notServing: [], examples: [] };
  }

  async run(history: WriteHistory): Promise<CheckedWrites> {
    const { signal, clock } = this.#deps;
    for await (const part of history.parts()) {
      signal?.throwIfAborted();
      const keys: Suspect[] = [];
      for (const [key, operations] of part) {
        const mine = new KeyHistory(operations);
        keys.push({ key, expectation: mine.atTheEnd });
        this.#noteStale(key, staleReads(operations, mine));
      }
      this.#found.keys += keys.length;
      for (let at = 0; at < keys.length; at += batch) await this.#look(keys.slice(at, at + batch));
    }
    if (this.#suspects.length > 0) {
      await clock.sleep(lookAgainMs, signal);
      const suspects = this.#suspects.splice(0);
      for (let at = 0; at < suspects.length; at += batch) {
        const some = suspects.slice(at, at + batch);
        const { lost } = await this.#compare(some);
        for (const each of lost) this.#noteLost(each);
      }
    }
    return this.#found;
  }

  async #look(keys: readonly Suspect[]): Promise<void> {
    const { client, signal } = this.#deps;
    const { lost, present, owners, looked, unaudited } = await this.#compare(keys);
    this.#found.copies += looked;
    this.#found.unaudited += unaudited;
    this.#found.notServing = [...new Set([...this.#found.notServing, ...owners.notServing])];
    const byKey = new Map(keys.map((each) => [each.key, each]));
    for (const each of lost)
      if (this.#suspects.length < mostSuspects) this.#suspects.push(byKey.get(each.key)!);
      else this.#noteLost(each);
    const doubled = await findDoubled(client, this.#collection, present, signal ? { signal } : {});
    for (const { key, finding, nodes } of doubled) {
      this.#found.doubled++;
      this.#example({ kind: "doubled", key, finding, nodes, expectedVersion: null, foundVersion: null });
    }
  }

  /** Asks every serving owner of these keys. `present`: by node, the keys that it has. */
  async #compare(keys: readonly Suspect[]) {
    const owners = await ownersNow(this.#deps.client, this.#collection);
    const work = new Map<string, string[]>();
    for (const { key } of keys) for (const node of owners.of(key)) work.set(node, [...(work.get(node) ?? []), key]);
    const held = new Map<string, Map<string, StoredRecord> | undefined>();
    await Promise.all([...work].map(async ([node, some]) => void held.set(node, await this.#fetch(node, some))));
    const lost: Lost[] = [];
    let looked = 0;
    let unaudited = 0;
    for (const { key, expectation } of keys) {
      const copies: Copies = new Map();
      for (const node of owners.of(key)) {
        const records = held.get(node);
        if (records) copies.set(node, records.get(key));
      }
      const must = owners.among(key, copies);
      const asked = must.filter((node) => copies.has(node));
      looked += asked.length;
      unaudited += must.length - asked.length;
      const bad = asked.flatMap((node) => {
        const copy = copies.get(node);
        const finding = findingOf(expectation, copy ? { there: true, version: copy.version } : { there: false });
        return finding === "fine" ? [] : [{ node, finding, version: copy?.version }];
      });
      const [first] = bad;
      if (!first) continue;
      lost.push({
        key,
        finding: first.finding,
        nodes: bad.map(({ node }) => node).toSorted(),
        everywhere: bad.length === must.length,
        expectedVersion: expectation.last?.version ?? null,
        foundVersion: first.version ?? null,
      });
    }
    const present = new Map([...held].flatMap(([node, records]) => (records ? [[node, [...records.keys()]] as const] : [])));
    return { lost, present, owners, looked, unaudited };
  }

  /** What one node itself has of these keys; undefined where it does not answer. */
  async #fetch(node: string, keys: readonly string[]): Promise<Map<string, StoredRecord> | undefined> {
    const { client, clock, signal } = this.#deps;
    const byId = new Map(keys.map((key) => [pointIdOf(key), key]));
    const silentUntilUs = this.#silentUntilUs.get(node);
    if (silentUntilUs !== undefined && clock.monotonicUs() < silentUntilUs) return undefined;
    for (let left = silentUntilUs === undefined ? tries : 1; ; left--)
      try {
        const records = await client
          .onNode(node)
          .fetch(this.#collection, [...byId.keys()], { withVector: false, ...(signal && { signal }) });
        this.#silentUntilUs.delete(node);
        return new Map(records.flatMap((record) => (byId.has(record.id) ? [[byId.get(record.id)!, record]] : [])));
      } catch (error) {
        if (!(error instanceof RagctlError) || signal?.aborted) throw error;
        if (left <= 1) {
          this.#silentUntilUs.set(node, clock.monotonicUs() + leftAloneUs);
          return undefined;
        }
        await clock.sleep(tryAgainMs, signal);
      }
  }

  #noteLost({ everywhere, ...lost }: Lost): void {
    this.#found.lost++;
    if (everywhere) this.#found.lostEverywhere++;
    this.#example({ kind: "lost", ...lost });
  }

  #noteStale(key: string, reads: ReturnType<typeof staleReads>): void {
    for (const { how, finding, found, expected, afterMs } of reads) {
      this.#found.stale++;
      if (afterMs < leaseMs) this.#found.staleWithinLease++;
      this.#example({ kind: "stale", key, finding, nodes: [], expectedVersion: expected, foundVersion: found, how, afterMs });
    }
  }

  #example(example: Omit<WriteExample, "collection">): void {
    if (this.#found.examples.length < mostExamples) this.#found.examples.push({ ...example, collection: this.#collection });
  }
}
