import { selects } from "../sharding/moves.ts";
import { field, type Coordinate, type Move } from "../sharding/table.ts";
import type { Point, PointId } from "../stores/contract.ts";
import { differences, versionIn } from "./compare.ts";
import type { MoverDeps } from "./contract.ts";
import { chunks, type Manner, type NodeIo } from "./io.ts";
import { idKey, positionIn, selectorFilters } from "./positions.ts";

/** Points of one page of a copy. */
const pageSize = 256;

export type Haul = Pick<Move, "selector" | "from" | "to">;

/** What copies points of a selector from one node to another. It never decides who is right: `from` is. */
export class Carrier {
  readonly #io: NodeIo;
  readonly #deps: MoverDeps;

  constructor(io: NodeIo, deps: MoverDeps) {
    this.#io = io;
    this.#deps = deps;
  }

  /** Makes these ids on `to` what they are on `from`: there, or not there. */
  async carry(haul: Haul, coordinate: Coordinate, ids: readonly PointId[], manner?: Manner): Promise<void> {
    const size = Math.min(pageSize, this.#deps.capabilities.maxBatch);
    for (const some of chunks(ids, size)) {
      const found = await this.#io.fetch(haul.from, some, { withVector: true, withPayload: true }, manner);
      // A key whose cell has changed is no longer of the selector.
      const here = found.filter((point) => isIn(haul, coordinate, point));
      const present = new Set(here.map(({ id }) => idKey(id)));
      const gone = some.filter((id) => !present.has(idKey(id)));
      if (here.length > 0) await this.#io.upsert(haul.to, here, manner);
      if (gone.length > 0) await this.#removeFrom(haul, coordinate, gone, manner);
    }
  }

  /** Where a key can be of another cell by now, only what the target holds of this selector goes. */
  async #removeFrom({ to, selector }: Haul, coordinate: Coordinate, ids: PointId[], manner?: Manner): Promise<void> {
    if (coordinate !== "cell") return await this.#io.remove(to, ids, manner);
    for (const filter of selectorFilters(selector))
      await this.#io.write(
        to,
        this.#deps.face.prepareDelete({ filter: { must: [{ has_id: ids }, filter] } }, { wait: true }),
        manner,
      );
  }

  /**
   * Step 2 of a tracked copy: the whole selector. A target that has nothing of it is filled page by page; where an earlier attempt left
   * something, ids and versions are compared first, and only what differs is copied or deleted.
   * @param onPage after each page, with the id that the next one begins at
   */
  async copyAll(haul: Haul, coordinate: Coordinate, onPage: (cursor: PointId | undefined) => void): Promise<void> {
    const filters = selectorFilters(haul.selector);
    if ((await this.#io.count(haul.to, filters)) > 0) return await this.#copyDifferences(haul, coordinate, onPage);
    const { face, governor, signal, capabilities } = this.#deps;
    const limit = Math.min(pageSize, capabilities.maxBatch);
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
        if (points.length > 0) await this.#io.upsert(haul.to, points);
        onPage(next);
        offset = next;
      } while (offset !== undefined);
    }
  }

  async #copyDifferences(haul: Haul, coordinate: Coordinate, onPage: (cursor: PointId | undefined) => void): Promise<void> {
    const { governor, signal } = this.#deps;
    let page: PointId[] = [];
    const flush = async () => {
      await governor.calm(signal);
      await this.carry(haul, coordinate, page);
      onPage(page.at(-1));
      page = [];
    };
    for await (const id of differences(this.#io, this.#deps, haul.from, haul.to, selectorFilters(haul.selector))) {
      page.push(id);
      if (page.length >= pageSize) await flush();
    }
    await flush();
  }

  /** Ids of the selector that differ. */
  async compareAll(haul: Haul): Promise<PointId[]> {
    const found: PointId[] = [];
    for await (const id of differences(this.#io, this.#deps, haul.from, haul.to, selectorFilters(haul.selector))) found.push(id);
    return found;
  }

  /** Which of these ids differ: the checksum of the keys that the comparison left out. */
  async compareIds(haul: Haul, coordinate: Coordinate, ids: readonly PointId[], manner: Manner): Promise<PointId[]> {
    const what = { withVector: false, withPayload: [field.version, field.hash, field.cell] };
    const held = async (node: string) => {
      const points = await this.#io.fetch(node, ids, what, manner);
      return new Map(
        points.filter((point) => isIn(haul, coordinate, point)).map(({ id, payload }) => [idKey(id), versionIn(payload)]),
      );
    };
    const [left, right] = [await held(haul.from), await held(haul.to)];
    return ids.filter((id) => left.has(idKey(id)) !== right.has(idKey(id)) || left.get(idKey(id)) !== right.get(idKey(id)));
  }
}

function isIn({ selector }: Haul, coordinate: Coordinate, { payload }: Point): boolean {
  const position = positionIn(payload, coordinate);
  return position !== undefined && selects(selector, position);
}
