import { moveSelects } from "../../sharding/moves.ts";
import type { Routing } from "../../sharding/owners.ts";
import type { Point, PointId } from "../../stores/contract.ts";
import { scanPoints, versionIn, type Seen } from "../compare.ts";
import type { MoverDeps } from "../contract.ts";
import type { Freight } from "../freight.ts";
import { chunks, type Manner, type NodeIo } from "../io.ts";
import { axesOf, idKey, selectorFilters } from "../positions.ts";
import { servesAll, type Source } from "../sources.ts";
import type { TouchedLog } from "../touched-log.ts";
import type { BesideIo } from "./io.ts";
import type { NewLayout } from "./layout.ts";
import { mergedScans } from "./merged.ts";

/** Points of one page of the copy. */
const pageSize = 256;

/** One copy as a comparison has it. */
type Copy = Pick<Seen, "version" | "payload"> & { node: string };

interface BesideFreightParts {
  name: string;
  log: TouchedLog;
  /** Who is read: together all points, each from one node. */
  sources: readonly Source[];
  layout: NewLayout;
  /** The collection that serves. */
  io: NodeIo;
  /** The one that is built. */
  beside: BesideIo;
  deps: MoverDeps;
}

/**
 * Everything that a collection holds, on its way to another collection on the same nodes, in another layout. Its mover alone writes there: so
 * nothing there is ever newer than what it reads, and what should not be there may be deleted.
 */
export class BesideFreight implements Freight {
  readonly name: string;
  readonly log: TouchedLog;
  readonly sources: readonly string[];
  readonly #parts: BesideFreightParts;

  constructor(parts: BesideFreightParts) {
    this.name = parts.name;
    this.log = parts.log;
    this.sources = parts.sources.map(({ from }) => from);
    this.#parts = parts;
  }

  ready(routing: Routing): boolean {
    return this.#parts.sources.every(({ from, selector }) => servesAll(routing, from, selector));
  }

  async copyAll(routing: Routing, onPage: (cursor: PointId | undefined) => void): Promise<void> {
    const { layout, beside, sources, io, deps } = this.#parts;
    const { face, governor, signal } = deps;
    const held = await Promise.all(layout.nodes.map((node) => beside.count(node, [{}])));
    if (held.some((count) => count > 0)) return await this.#copyDifferences(routing, onPage);
    for (const { from, filter } of this.#filters(routing, sources)) {
      let offset: PointId | undefined;
      do {
        await governor.calm(signal);
        const start = offset === undefined ? {} : { offset };
        const request = face.prepareScroll({ filter, limit: this.#page(), withVector: true, withPayload: true, ...start });
        const { points, next } = await io.read(from, request, (body) => face.parseScroll(body));
        await this.#put(points);
        onPage(next);
        offset = next;
      } while (offset !== undefined);
    }
  }

  async #copyDifferences(routing: Routing, onPage: (cursor: PointId | undefined) => void): Promise<void> {
    const { governor, signal } = this.#parts.deps;
    let page: PointId[] = [];
    const flush = async () => {
      await governor.calm(signal);
      await this.carry(routing, page);
      onPage(page.at(-1));
      page = [];
    };
    for await (const id of this.#differences(routing)) {
      page.push(id);
      if (page.length >= this.#page()) await flush();
    }
    await flush();
  }

  async carry(routing: Routing, ids: readonly PointId[], manner?: Manner): Promise<void> {
    const { layout, beside } = this.#parts;
    for (const some of chunks(ids, this.#page())) {
      const wanted = await this.#newest(routing, some, { withVector: true, withPayload: true }, manner);
      const owners = await this.#put([...wanted.values()], manner);
      const removeFrom = async (node: string) => {
        const gone = some.filter((id) => {
          const of = owners.get(idKey(id));
          // Where a key alone says who owns it, nobody else can have it.
          return of === undefined || (layout.byVector && !of.includes(node));
        });
        if (gone.length > 0) await beside.remove(node, gone, manner);
      };
      await Promise.all(layout.nodes.map(removeFrom));
    }
  }

  /** Writes points where the layout has them. @returns who owns each, by id */
  async #put(points: readonly Point[], manner?: Manner): Promise<Map<string, readonly string[]>> {
    const { layout, beside } = this.#parts;
    const byNode = new Map<string, Point[]>();
    const ownersOf = new Map<string, readonly string[]>();
    for (const each of points) {
      const { point, owners } = layout.place(each);
      ownersOf.set(idKey(point.id), owners);
      for (const node of owners) byNode.set(node, [...(byNode.get(node) ?? []), point]);
    }
    await Promise.all([...byNode].map(([node, some]) => beside.upsert(node, some, manner)));
    return ownersOf;
  }

  /** These ids as the sources have them; of two copies, one of which is about to be taken away, the newer. */
  async #newest(
    routing: Routing,
    ids: readonly PointId[],
    what: { withVector: boolean; withPayload: true | string[] },
    manner?: Manner,
  ): Promise<Map<string, Point>> {
    const { sources, io } = this.#parts;
    const found = new Map<string, Point>();
    const look = async ({ from, selector }: Source) => {
      for (const point of await io.fetch(from, ids, what, manner)) {
        const place = routing.placeOf(point.payload);
        if (!place || !moveSelects({ selector }, place.position)) continue;
        const known = found.get(idKey(point.id));
        if (!known || (versionIn(known.payload) ?? -1) < (versionIn(point.payload) ?? -1)) found.set(idKey(point.id), point);
      }
    };
    await Promise.all(sources.map(look));
    return found;
  }

  async compareAll(routing: Routing): Promise<PointId[]> {
    await this.#parts.beside.settled();
    const found: PointId[] = [];
    for await (const id of this.#differences(routing)) found.push(id);
    return found;
  }

  async *#differences(routing: Routing): AsyncGenerator<PointId> {
    const { layout, io, beside, deps, sources } = this.#parts;
    const left = this.#filters(routing, sources).map(({ from, filter }) => ({
      of: undefined,
      pages: scanPoints(io, deps, from, filter),
    }));
    const right = layout.nodes.map((node) => ({ of: node, pages: beside.scan(node) }));
    for await (const { id, copies } of mergedScans<string | undefined>([...left, ...right])) {
      const here = copies.filter(({ of }) => of === undefined).map(({ seen }) => seen.version ?? -1);
      const there = copies.flatMap(({ of, seen }) => (of === undefined ? [] : [{ node: of, ...seen }]));
      if (!this.#agrees(here.length === 0 ? undefined : Math.max(...here), there)) yield id;
    }
  }

  async compareIds(routing: Routing, ids: readonly PointId[], manner: Manner): Promise<PointId[]> {
    const { layout, io, beside } = this.#parts;
    const fields = await io.stampFields();
    const here = await this.#newest(routing, ids, { withVector: false, withPayload: fields }, manner);
    const there = new Map<string, Copy[]>();
    const look = async (node: string) => {
      for (const { id, payload = {} } of await beside.fetch(node, ids, { withVector: false, withPayload: layout.fields }, manner))
        there.set(idKey(id), [...(there.get(idKey(id)) ?? []), { node, version: versionIn(payload), payload }]);
    };
    await Promise.all(layout.nodes.map(look));
    return ids.filter((id) => {
      const point = here.get(idKey(id));
      return !this.#agrees(point && (versionIn(point.payload) ?? -1), there.get(idKey(id)) ?? []);
    });
  }

  /** Nobody else writes there: what is wrong is put right by `carry`. */
  clearForeign(): Promise<void> {
    return Promise.resolve();
  }

  /** Whether exactly the owners have a point, in that version (undefined: it is gone), at one place. */
  #agrees(version: number | undefined, copies: readonly Copy[]): boolean {
    if (version === undefined) return copies.length === 0;
    const place = copies[0] && this.#parts.layout.ownersOf(copies[0].payload);
    if (!place || copies.length !== place.owners.length) return false;
    return copies.every(
      (copy) =>
        (copy.version ?? -1) === version &&
        place.owners.includes(copy.node) &&
        this.#parts.layout.ownersOf(copy.payload)?.position === place.position,
    );
  }

  #filters(routing: Routing, sources: readonly Source[]) {
    const axes = axesOf(routing);
    return sources.flatMap(({ from, selector }) => selectorFilters(selector, axes).map((filter) => ({ from, filter })));
  }

  #page(): number {
    return Math.min(pageSize, this.#parts.deps.capabilities.maxBatch);
  }
}
