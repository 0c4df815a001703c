import { appendFileSync, createReadStream, existsSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { ObservedOperation } from "../../load/observe.ts";
import { hash32 } from "../../sharding/hash.ts";
import { decodeOperation, encodeOperation, type KeyOperation } from "./operation.ts";

/** Files that a history is spread over, by key: each is small enough to be held whole. */
const files = 128;
const flushChars = 16 * 1024;
/** So long a read waits for the report of the write that it may have read: workers tell at their own times. */
const heldUs = 3_000_000;
/** Bits of the filter of written keys: at a million keys, one foreign key in a hundred is kept needlessly. */
const filterBits = 2 ** 24;

export interface HistoryCounts {
  /** Changes of one key each, by their outcome. */
  acknowledged: number;
  unknown: number;
  /** Reads of one written key each. */
  reads: number;
}

/**
 * Everything that was observed of the keys that a run writes, on disk: memory does not grow with the operations. Reads of keys that nobody writes are left
 * out, as far as a filter can tell.
 */
export class WriteHistory {
  readonly counts: HistoryCounts = { acknowledged: 0, unknown: 0, reads: 0 };
  readonly #dir: string;
  readonly #hash = hash32("xxh32");
  readonly #lines: string[] = Array.from({ length: files }, () => "");
  readonly #written = new Uint32Array(filterBits / 32);
  #held: ObservedOperation[] = [];
  #newestUs = -Infinity;

  /** @param dir made; what is in it from before goes. `loadHashes()` must have been awaited. */
  constructor(dir: string) {
    this.#dir = dir;
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true });
  }

  observe(operations: readonly ObservedOperation[]): void {
    for (const operation of operations) {
      this.#newestUs = Math.max(this.#newestUs, operation.endUs);
      if (operation.op === "upsert" || operation.op === "delete") this.#change(operation);
      else if (operation.hits) this.#held.push(operation);
    }
    const due = this.#held.findIndex(({ endUs }) => endUs > this.#newestUs - heldUs);
    if (due !== 0) for (const read of this.#held.splice(0, due < 0 ? Infinity : due)) this.#read(read);
  }

  #change({ op, keys, version, startUs, endUs, outcome, acknowledged }: ObservedOperation): void {
    const sure = new Set(outcome === "ok" ? keys : acknowledged);
    for (const key of keys) {
      this.counts[sure.has(key) ? "acknowledged" : "unknown"]++;
      const bit = this.#bit(key);
      this.#written[bit >>> 5]! |= 1 << (bit & 31);
      this.#put(key, { kind: op === "upsert" ? "write" : "delete", version, startUs, endUs, sure: sure.has(key) });
    }
  }

  #read({ op, keys, hits = [], startUs, endUs }: ObservedOperation): void {
    const versions = new Map(hits.map(({ key, version }) => [key, version]));
    for (const key of op === "fetch" ? keys : versions.keys()) {
      const bit = this.#bit(key);
      if (((this.#written[bit >>> 5]! >>> (bit & 31)) & 1) === 0) continue;
      this.counts.reads++;
      const kind = op === "fetch" ? "read" : "hit";
      this.#put(key, { kind, version: versions.get(key), startUs, endUs, sure: versions.has(key) });
    }
  }

  #put(key: string, operation: KeyOperation): void {
    const file = this.#hash(key) % files;
    this.#lines[file] += encodeOperation(key, operation);
    if (this.#lines[file]!.length >= flushChars) this.#flush(file);
  }

  /** No more is observed: what was held back is written too. */
  end(): void {
    for (const read of this.#held.splice(0)) this.#read(read);
    for (let file = 0; file < files; file++) this.#flush(file);
  }

  /** The operations of every key, a part of the keys at a time, each key's in order of their ends. */
  async *parts(): AsyncGenerator<Map<string, KeyOperation[]>> {
    for (let file = 0; file < files; file++) {
      if (!existsSync(this.#path(file))) continue;
      const byKey = new Map<string, KeyOperation[]>();
      for await (const line of createInterface({ input: createReadStream(this.#path(file)) })) {
        const { key, operation } = decodeOperation(line);
        const mine = byKey.get(key);
        if (mine) mine.push(operation);
        else byKey.set(key, [operation]);
      }
      // A key that nobody wrote got past the filter.
      for (const [key, operations] of byKey)
        if (!operations.some(({ kind }) => kind === "write" || kind === "delete")) byKey.delete(key);
        else operations.sort((a, b) => a.endUs - b.endUs);
      yield byKey;
    }
  }

  /** Takes its files away. */
  remove(): void {
    rmSync(this.#dir, { recursive: true, force: true });
  }

  #flush(file: number): void {
    if (this.#lines[file] === "") return;
    appendFileSync(this.#path(file), this.#lines[file]!);
    this.#lines[file] = "";
  }

  #path(file: number): string {
    return join(this.#dir, `${String(file).padStart(3, "0")}.ndjson`);
  }

  #bit(key: string): number {
    return this.#hash(key) >>> 8;
  }
}
