import type { DatabaseSync } from "node:sqlite";
import type { PointId } from "../stores/contract.ts";
import type { CollectionConfig } from "./collection-config.ts";
import { PointTable, transaction } from "./database.ts";
import type { FilterSource, Predicate } from "./filter.ts";
import { GraphFiles } from "./graph-files.ts";
import { IdOrder } from "./id-order.ts";
import { parseJsonPath, valueAt } from "./json-path.ts";
import { PayloadIndex, type IndexType } from "./payload-index.ts";
import { unpackVectors, type NewPoint } from "./points-parse.ts";
import type { Body } from "./requests.ts";
import { VectorSpace } from "./vector-space.ts";

/**
 * One collection: rows in SQLite are the truth; ids, vectors, graphs and payload indexes are held in memory, by label (the
 * row's key, a small integer that is used again after a delete). A write commits first and changes memory after, both in
 * one turn of the event loop, so nobody sees it half done.
 */
export class Collection implements FilterSource {
  readonly uid: number;
  readonly config: CollectionConfig;
  readonly spaces: readonly VectorSpace[];
  readonly indexes = new Map<string, PayloadIndex>();
  /** Counts operations; a point's version is that of its last one. */
  version: number;
  readonly #db: DatabaseSync;
  readonly #table: PointTable;
  readonly #graphs: GraphFiles;
  readonly #order = new IdOrder();
  readonly #labels = new Map<PointId, number>();
  readonly #ids: (PointId | undefined)[] = [];
  readonly #versions: number[] = [];
  #freeLabels: number[] = [];
  #unsaved = 0;
  #saving: Promise<void> | undefined;
  #parsed: { label: number; version: number; payload: Body } | undefined;

  constructor(db: DatabaseSync, dataDir: string, stored: { uid: number; version: number; config: CollectionConfig }) {
    this.uid = stored.uid;
    this.config = stored.config;
    this.version = stored.version;
    this.#db = db;
    this.#table = new PointTable(db, stored.uid);
    this.#graphs = new GraphFiles(dataDir, stored.uid);
    this.spaces = stored.config.spaces.map(([, config]) => new VectorSpace(config));
    for (const [field, { type }] of Object.entries(stored.config.indexes)) this.indexes.set(field, new PayloadIndex(field, type));
    this.#load();
  }

  get count(): number {
    return this.#labels.size;
  }

  labelOf(id: PointId): number | undefined {
    return this.#labels.get(id);
  }

  idOf(label: number): PointId {
    return this.#ids[label]!;
  }

  versionOf(label: number): number {
    return this.#versions[label]!;
  }

  payloadText(label: number): string {
    return this.#table.payload(label);
  }

  payload(label: number): Body {
    const version = this.versionOf(label);
    if (this.#parsed?.label !== label || this.#parsed.version !== version)
      this.#parsed = { label, version, payload: JSON.parse(this.payloadText(label)) as Body };
    return this.#parsed.payload;
  }

  reader(key: string): (label: number) => unknown {
    const index = this.indexes.get(key);
    if (index) return index.read;
    const steps = parseJsonPath(key);
    return (label) => valueAt(this.payload(label), steps);
  }

  /** Labels of all points that `accept` takes, in no order. */
  *matching(accept: Predicate | undefined): Generator<number> {
    for (const label of this.#labels.values()) if (!accept || accept(label)) yield label;
  }

  /** Labels in order of id, from `start` (inclusive) on. */
  *inOrder(start: PointId | undefined, accept: Predicate | undefined): Generator<number> {
    for (const id of this.#order.from(start, (known) => this.#labels.has(known))) {
      const label = this.#labels.get(id);
      if (label !== undefined && (!accept || accept(label))) yield label;
    }
  }

  /** Writes points, each in place of what had its id; of two with one id the later counts. Returns the operation's number. */
  upsert(points: readonly NewPoint[]): number {
    const latest = new Map(points.map((point) => [point.id, point]));
    const fresh = [...latest.keys()].filter((id) => !this.#labels.has(id));
    const firstUnused = this.#ids.length;
    const reused = this.#freeLabels.slice(0, fresh.length);
    const labels = new Map(fresh.map((id, index) => [id, reused[index] ?? firstUnused + index - reused.length]));
    const version = this.version + 1;
    transaction(this.#db, () => {
      for (const { id, payload, vectors } of latest.values()) {
        const blob = new Uint8Array(vectors.buffer, vectors.byteOffset, vectors.byteLength);
        this.#table.put(labels.get(id) ?? this.#labels.get(id)!, id, version, JSON.stringify(payload), blob);
      }
      this.#table.setVersion(version);
    });
    this.version = version;
    this.#freeLabels = this.#freeLabels.slice(reused.length);
    this.#unsaved += latest.size;
    for (const { id, payload, vectors } of latest.values()) {
      const label = labels.get(id) ?? this.#labels.get(id)!;
      if (labels.has(id)) this.#order.add(id);
      this.#remember(label, id, version, payload);
      unpackVectors(vectors, this.config.spaces, (place, vector) =>
        vector ? this.spaces[place]!.put(label, vector) : this.spaces[place]!.remove(label),
      );
    }
    return version;
  }

  delete(labels: readonly number[]): number {
    const version = this.version + 1;
    transaction(this.#db, () => {
      for (const label of labels) this.#table.delete(label);
      this.#table.setVersion(version);
    });
    this.version = version;
    this.#unsaved += labels.length;
    for (const label of labels) {
      for (const space of this.spaces) space.remove(label);
      for (const index of this.indexes.values()) index.delete(label);
      this.#labels.delete(this.idOf(label));
      this.#ids[label] = undefined;
      this.#freeLabels.push(label);
    }
    return version;
  }

  /** Replaces the payload of each point by what `change` makes of it (given a copy that it may alter). */
  changePayload(labels: readonly number[], change: (payload: Body) => Body): number {
    const version = this.version + 1;
    const changed = labels.map((label) => [label, change(JSON.parse(this.payloadText(label)) as Body)] as const);
    transaction(this.#db, () => {
      for (const [label, payload] of changed) this.#table.setPayload(label, JSON.stringify(payload), version);
      this.#table.setVersion(version);
    });
    this.version = version;
    for (const [label, payload] of changed) this.#remember(label, this.idOf(label), version, payload);
    return version;
  }

  createIndex(field: string, type: IndexType, schema: unknown): number {
    const index = new PayloadIndex(field, type);
    for (const label of this.#labels.values()) index.set(label, this.payload(label));
    return this.#storeConfig(() => {
      this.config.indexes[field] = { type, schema };
      this.indexes.set(field, index);
    });
  }

  dropIndex(field: string): number {
    return this.#storeConfig(() => {
      delete this.config.indexes[field];
      this.indexes.delete(field);
    });
  }

  /** Points whose vectors changed since the graphs were saved: what a start after `kill -9` indexes again. */
  get unsaved(): number {
    return this.#unsaved;
  }

  /** One save at a time; where one fails (a full disk), the points count as unsaved again, and the old file stays. */
  saveGraphs(): Promise<void> {
    this.#saving ??= this.#save().finally(() => (this.#saving = undefined));
    return this.#saving;
  }

  /** Forgets everything on disk; the caller deletes the collection's own row in the same transaction. */
  drop(): void {
    this.#table.drop();
  }

  removeFiles(): void {
    this.#graphs.removeAll();
  }

  #storeConfig(change: () => void): number {
    change();
    this.version++;
    this.#db
      .prepare("UPDATE collections SET config = ?, version = ? WHERE uid = ?")
      .run(JSON.stringify(this.config), this.version, this.uid);
    return this.version;
  }

  async #save(): Promise<void> {
    const changed = this.#unsaved;
    this.#unsaved = 0;
    try {
      await Promise.all(this.spaces.map((space, place) => this.#graphs.save(space, place, this.version)));
    } catch {
      this.#unsaved += changed;
    }
  }

  #remember(label: number, id: PointId, version: number, payload: Body): void {
    this.#ids[label] = id;
    this.#labels.set(id, label);
    this.#versions[label] = version;
    for (const index of this.indexes.values()) index.set(label, payload);
  }

  #load(): void {
    const vectorVersions: number[] = [];
    for (const row of this.#table.rows()) {
      while (this.#ids.length < row.label) {
        this.#freeLabels.push(this.#ids.length);
        this.#ids.push(undefined);
      }
      const payload = this.indexes.size > 0 ? (JSON.parse(row.payload) as Body) : {};
      this.#remember(row.label, row.id, row.version, payload);
      this.#order.add(row.id);
      vectorVersions[row.label] = row.vector_version;
      const packed = new Float32Array(row.vectors.slice().buffer);
      unpackVectors(packed, this.config.spaces, (place, vector) => vector && this.spaces[place]!.load(row.label, vector));
    }
    for (const [place, space] of this.spaces.entries())
      this.#graphs.restore(space, place, { current: this.version, of: (label) => vectorVersions[label] ?? 0 });
  }
}
