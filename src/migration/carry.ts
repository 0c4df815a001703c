import { moveSelects } from "../sharding/moves.ts";
import type { Routing } from "../sharding/owners.ts";
import { field, type Move } from "../sharding/table.ts";
import type { Filter, Point, PointId } from "../stores/contract.ts";
import { differences, versionIn } from "./compare.ts";
import type { MoverDeps } from "./contract.ts";
import { chunks, type Manner, type NodeIo } from "./io.ts";
import { axesOf, idKey, selectorFilters } from "./positions.ts";

/** Points of one page of a copy. */
const pageSize = 256;

export type Haul = Pick<Move, "selector" | "into" | "from" | "to"> & {
  /** Which existing points of the target may be replaced; unless given, all. */
  onlyIf?: Filter | undefined;
};

/** What copies points of a selector from one node to another. It never decides who is right: `from` is. */
export class Carrier {
  readonly #io: NodeIo;
  readonly #deps: MoverDeps;

  constructor(io: NodeIo, deps: MoverDeps) {
    this.#io = io;
    this.#deps = deps;
  }

  /** Makes these ids on `to` what they are on `from`: there, or not there. */
  async carry(haul: Haul, routing: Routing, ids: readonly PointId[], manner?: Manner): Promise<void> {
    for (const some of chunks(ids, this.#page())) {
      const here = await this.fetch(haul, routing, some, manner);
      const present = new Set(here.map(({ id }) => idKey(id)));
      const gone = some.filter((id) => !present.has(idKey(id)));
      if (here.length > 0) await this.#io.upsert(haul.to, here, manner, haul.onlyIf);
      if (gone.length > 0) await this.remove(haul, routing, gone, manner);
    }
  }

  /** Those of these ids that are on `from`, and of the selector: a key whose cell has changed is no longer. */
  async fetch(haul: Haul, routing: Routing, ids: readonly PointId[], manner?: Manner): Promise<Point[]> {
    const found = await this.#io.fetch(haul.from, ids, { withVector: true, withPayload: true }, manner);
    return found.filter((point) => isIn(haul, routing, point));
  }

  /** Takes ids away from `to`; where a key can be of another cell by now, only what it holds of this selector. */
  async remove(
    haul: Pick<Haul, "selector" | "into" | "to">,
    routing: Routing,
    ids: readonly PointId[],
    manner?: Manner,
  ): Promise<void> {
    if (!routing.elsewhere) return await this.#io.remove(haul.to, ids, manner);
    for (const filter of filtersFor(haul, routing))
      await this.#io.write(
        haul.to,
        this.#deps.face.prepareDelete({ filter: { must: [{ has_id: [...ids] }, filter] } }, { wait: true }),
        manner,
      );
  }

  /** Takes away copies of these ids that `to` holds, does not own, and that are of no selector under way: they would never be replaced. */
  async clearForeign(haul: Pick<Haul, "selector" | "into" | "to">, routing: Routing, ids: readonly PointId[]): Promise<void> {
    const node = routing.indexOf.get(haul.to)!;
    for (const some of chunks(ids, this.#page())) {
      const held = await this.#io.fetch(haul.to, some, { withVector: false, withPayload: await this.#io.stampFields() });
      for (const { id, payload } of held) {
        const place = routing.placeOf(payload);
        const version = versionIn(payload);
        if (!place || version === undefined || isIn(haul, routing, { id, payload: payload! })) continue;
        const { owners, moves } = routing.setAt(place.position, place.to);
        if (owners.includes(node) || moves.some(({ to }) => to === haul.to)) continue;
        // By its version: what somebody has put there since stays.
        const filter: Filter = { must: [{ has_id: [id] }, { key: field.version, match: { value: version } }] };
        await this.#io.write(haul.to, this.#deps.face.prepareDelete({ filter }, { wait: true }));
      }
    }
  }

  /**
   * Step 2 of a tracked copy: the whole selector. A target that has nothing of it is filled page by page; where an earlier attempt left
   * something, ids and versions are compared first, and only what differs is copied or deleted.
   * @param onPage after each page, with the id that the next one begins at
   */
  async copyAll(haul: Haul, routing: Routing, onPage: (cursor: PointId | undefined) => void): Promise<void> {
    const filters = filtersFor(haul, routing);
    if ((await this.#io.count(haul.to, filters)) > 0) return await this.#copyDifferences(haul, routing, onPage);
    const { face, governor, signal } = this.#deps;
    const limit = this.#page();
    for (const filter of filters) {
      let offset: PointId | undefined;
      do {
        await governor.calm(signal);
        const request = face.prepareScroll({
          filter,
          limit,
          withVector: true,
          withPayload: true,
          ...(offset === undefined ? {} : { offset }),
        });
        const { points, next } = await this.#io.read(haul.from, request, (body) => face.parseScroll(body));
        if (points.length > 0) await this.#io.upsert(haul.to, points, undefined, haul.onlyIf);
        onPage(next);
        offset = next;
      } while (offset !== undefined);
    }
  }

  async #copyDifferences(haul: Haul, routing: Routing, onPage: (cursor: PointId | undefined) => void): Promise<void> {
    const { governor, signal } = this.#deps;
    let page: PointId[] = [];
    const flush = async () => {
      await governor.calm(signal);
      await this.carry(haul, routing, page);
      onPage(page.at(-1));
      page = [];
    };
    for await (const id of differences(this.#io, this.#deps, haul.from, haul.to, filtersFor(haul, routing))) {
      page.push(id);
      if (page.length >= pageSize) await flush();
    }
    await flush();
  }

  /** Ids of the selector that differ. */
  async compareAll(haul: Haul, routing: Routing): Promise<PointId[]> {
    const found: PointId[] = [];
    for await (const id of differences(this.#io, this.#deps, haul.from, haul.to, filtersFor(haul, routing))) found.push(id);
    return found;
  }

  /** Versions of those of these ids that a node holds, of a selector, by id. */
  async versionsOf(
    node: string,
    haul: Pick<Haul, "selector" | "into">,
    routing: Routing,
    ids: readonly PointId[],
    manner: Manner,
  ): Promise<Map<string, number | undefined>> {
    const points = await this.#io.fetch(node, ids, { withVector: false, withPayload: await this.#io.stampFields() }, manner);
    return new Map(
      points.filter((point) => isIn(haul, routing, point)).map(({ id, payload }) => [idKey(id), versionIn(payload)]),
    );
  }

  /** Which of these ids differ: the checksum of the keys that the comparison left out. */
  async compareIds(haul: Haul, routing: Routing, ids: readonly PointId[], manner: Manner): Promise<PointId[]> {
    const left = await this.versionsOf(haul.from, haul, routing, ids, manner);
    const right = await this.versionsOf(haul.to, haul, routing, ids, manner);
    return ids.filter((id) => left.has(idKey(id)) !== right.has(idKey(id)) || left.get(idKey(id)) !== right.get(idKey(id)));
  }

  #page(): number {
    return Math.min(pageSize, this.#deps.capabilities.maxBatch);
  }
}

function filtersFor({ selector, into }: Pick<Haul, "selector" | "into">, routing: Routing): Filter[] {
  return selectorFilters(selector, axesOf(routing), into);
}

function isIn(haul: Pick<Haul, "selector" | "into">, routing: Routing, { payload }: Point): boolean {
  const place = routing.placeOf(payload);
  return place !== undefined && moveSelects(haul, place.position, place.to);
}
