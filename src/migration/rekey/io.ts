import { ExitCode, RagctlError } from "../../errors.ts";
import type { PreparedRequest } from "../../http/contract.ts";
import { cellKey, cellKeys } from "../../sharding/native-table.ts";
import { pointIdOf } from "../../sharding/point-id.ts";
import { createStamper } from "../../sharding/keys.ts";
import {
  field,
  physicalOf,
  positionFieldOf,
  type NativeTable,
  type PartitionerSpec,
  type RoutingTable,
} from "../../sharding/table.ts";
import type { DataFace, Point, PointId, ShardKey } from "../../stores/contract.ts";
import { versionIn, type Seen } from "../compare.ts";
import { idKey } from "../positions.ts";
import { halfDone, nodeFull } from "../trouble.ts";
import { Unsettled, type RekeyDeps } from "./contract.ts";
import { scanStore } from "./scan.ts";
import { inTurns } from "./turns.ts";

const idsAtOnce = 256;
/** Of a cluster that answers others meanwhile. */
const readsAtOnce = 8;

/** Both collections of a copy: the one that serves is read, the other one, which nobody else writes to, is made like it. */
export class RekeyIo {
  readonly #deps: RekeyDeps;
  readonly #from: DataFace;
  readonly #to: DataFace;
  readonly #partitioner: PartitionerSpec;
  readonly #stamper: ReturnType<typeof createStamper>;
  readonly #inTurn = inTurns(readsAtOnce);
  /** Of the target; undefined: it is sharded by ids. */
  readonly keys: readonly string[] | undefined;
  /** Of the source. */
  readonly #fromKeys: readonly string[] | undefined;
  /** What a writer that died has left under two keys of the source: a store that is asked for it by its id answers with either. */
  readonly #twice = new Set<string>();

  constructor(deps: RekeyDeps, source: RoutingTable, { physical, partitioner }: NonNullable<NativeTable["copy"]>) {
    this.#deps = deps;
    this.#from = deps.face(physicalOf(source));
    this.#to = deps.face(physical);
    this.#partitioner = partitioner;
    this.#stamper = createStamper(partitioner, source.vector.distance);
    this.keys = cellKeys(partitioner);
    this.#fromKeys = cellKeys(source.partitioner);
  }

  /** Ids and versions of all points that serve, ascending; by key, since only so both of two copies are told. */
  sources(): AsyncGenerator<Seen[]>[] {
    if (!this.#fromKeys) return [this.#scan(this.#from, [field.version])];
    return this.#fromKeys.map((key) => this.#scan(this.#from, [field.version], [key]));
  }

  /** Of what the keys of the source have of one point, the newest. */
  serving(copies: readonly Seen[]): Seen | undefined {
    if (copies.length > 1) this.#twice.add(idKey(copies[0]!.id));
    return copies.toSorted((a, b) => (b.version ?? -1) - (a.version ?? -1))[0];
  }

  /** The same of the target, by key: each with whether it lies where its stamp says. */
  targets(): { of: string | undefined; pages: AsyncGenerator<Seen[]> }[] {
    const fields = [field.version, positionFieldOf(this.#partitioner)];
    if (!this.keys) return [{ of: undefined, pages: this.#scan(this.#to, fields) }];
    return this.keys.map((key) => ({ of: key, pages: this.#scan(this.#to, fields, [key]) }));
  }

  /** Whether a point of the target is under the key of its cell. */
  lies({ payload }: Seen, key: string | undefined): boolean {
    if (key === undefined) return true;
    const cell = payload[positionFieldOf(this.#partitioner)];
    return typeof cell === "number" && cellKey(cell) === key;
  }

  #scan(data: DataFace, fields: string[], shardKeys?: readonly ShardKey[]): AsyncGenerator<Seen[]> {
    const what = { fields, signal: this.#deps.signal, ...(shardKeys && { shardKeys }) };
    return scanStore(data, what, (request, parse) => this.#read(data, request, parse));
  }

  async targetIsEmpty(): Promise<boolean> {
    return (await this.#read(this.#to, this.#to.prepareCount(), (body) => this.#to.parseCount(body))) === 0;
  }

  /**
   * Makes these ids in the target what they are in the source: there, or not there.
   * @param how `fresh`: none of them can be in the target; `urgent`: somebody waits for it, so that nothing holds it back
   */
  async carry(
    ids: readonly PointId[],
    { fresh = false, urgent = false }: { fresh?: boolean; urgent?: boolean } = {},
  ): Promise<void> {
    for (let at = 0; at < ids.length; at += idsAtOnce) {
      const some = ids.slice(at, at + idsAtOnce);
      const points = await this.#newest(this.#from, some, true);
      const gone = this.keys ? { shardKeys: this.keys } : {};
      // Under another key it would stay; nobody reads here yet.
      if (!fresh) await this.#write(this.#to.prepareDelete({ ids: some }, { wait: true, ...gone }));
      await this.#put(points, urgent);
    }
  }

  async #put(points: readonly Point[], urgent: boolean): Promise<void> {
    const { capabilities, throttle, signal, onCopied } = this.#deps;
    const stamped = points.map((point) => this.#stamped(point));
    const groups = Map.groupBy(stamped, ({ cell }) => cell);
    for (const [cell, group] of groups)
      for (let at = 0; at < group.length; at += capabilities.maxBatch)
        await this.#upsert(
          group.slice(at, at + capabilities.maxBatch).map(({ point }) => point),
          cell === undefined ? undefined : cellKey(cell),
        );
    const bytes = points.reduce((sum, { vector }) => sum + (vector?.length ?? 0) * 4 + 1024, 0);
    onCopied(points.length, bytes);
    if (!urgent) await throttle.take(points.length, bytes, signal);
  }

  async #upsert(points: readonly Point[], shardKey: string | undefined): Promise<void> {
    let request: PreparedRequest;
    try {
      request = this.#to.prepareUpsert(points, { wait: true, ...(shardKey !== undefined && { shardKey }) });
    } catch (error) {
      if (!(error instanceof RagctlError && error.code === "batch-too-large") || points.length === 1) throw error;
      const half = Math.ceil(points.length / 2);
      await this.#upsert(points.slice(0, half), shardKey);
      return await this.#upsert(points.slice(half), shardKey);
    }
    await this.#write(request);
  }

  /** With its new cell; what ragctl did not write gets the fields of its key, too. */
  #stamped({ id, vector, payload = {} }: Point): { point: Point; cell: number | undefined } {
    const known = payload[field.key];
    const key = typeof known === "string" && pointIdOf(known) === id ? known : String(id);
    const { h, cells, cell } = this.#stamper.stamp(key, vector);
    return { point: { id, vector: vector!, payload: { ...payload, [field.key]: key, [field.hash]: h, ...cells } }, cell };
  }

  /** Of two copies of a point, one of which is about to be taken away, the newer. */
  async #newest(data: DataFace, ids: readonly PointId[], withVector: boolean): Promise<Point[]> {
    const what = { withPayload: withVector ? true : [field.version], withVector };
    const requests = [data.prepareFetch(ids, what)];
    const twice = data === this.#from ? ids.filter((id) => this.#twice.has(idKey(id))) : [];
    if (twice.length > 0)
      for (const key of this.#fromKeys ?? []) requests.push(data.prepareFetch(twice, { ...what, shardKeys: [key] }));
    const best = new Map<string, Point>();
    const answers = await Promise.all(requests.map((request) => this.#read(data, request, (body) => data.parseFetch(body))));
    for (const point of answers.flat()) {
      const there = best.get(idKey(point.id));
      if (!there || (versionIn(there.payload) ?? -1) < (versionIn(point.payload) ?? -1)) best.set(idKey(point.id), point);
    }
    return [...best.values()];
  }

  /** Which of these ids the two collections hold differently. */
  async differing(ids: readonly PointId[]): Promise<PointId[]> {
    const found: PointId[] = [];
    for (let at = 0; at < ids.length; at += idsAtOnce) {
      const some = ids.slice(at, at + idsAtOnce);
      const [here, there] = await Promise.all([this.#from, this.#to].map((data) => this.#newest(data, some, false)));
      const versions = (points: readonly Point[]) =>
        new Map(points.map(({ id, payload }) => [idKey(id), versionIn(payload) ?? -1]));
      const [a, b] = [versions(here!), versions(there!)];
      found.push(...some.filter((id) => a.get(idKey(id)) !== b.get(idKey(id))));
    }
    return found;
  }

  async #read<T>(data: DataFace, request: PreparedRequest, parse: (body: Buffer) => T): Promise<T> {
    const { sender, signal } = this.#deps;
    try {
      return await this.#inTurn(() => sender.read(data, request, { signal }, parse));
    } catch (error) {
      if (error instanceof RagctlError && error.code === "cluster-unreachable") throw new Unsettled(error.message);
      throw error;
    }
  }

  async #write(request: PreparedRequest): Promise<void> {
    const { sender, fence, signal } = this.#deps;
    signal.throwIfAborted();
    fence.ensure();
    const failure = await sender.write(this.#to, request, {});
    if (!failure) return;
    if (failure.full) throw nodeFull(failure.message);
    if (failure.fatal)
      throw new RagctlError(`The store refused what is copied: ${failure.message}`, {
        code: "copy-refused",
        exitCode: ExitCode.unhealed,
        hint: "--abort takes the copy back.",
      });
    throw new Unsettled(failure.message);
  }
}

/** Ends a run that cannot go on now. */
export function gaveUp(why: string): RagctlError {
  return halfDone(`The copy does not get on: ${why}.`, "copy-stalled");
}
