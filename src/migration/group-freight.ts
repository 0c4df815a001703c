import { moveSelects } from "../sharding/moves.ts";
import type { Routing } from "../sharding/owners.ts";
import type { Selector } from "../sharding/table.ts";
import type { Filter, Point, PointId } from "../stores/contract.ts";
import type { Carrier, Haul } from "./carry.ts";
import { versionIn } from "./compare.ts";
import type { Freight } from "./freight.ts";
import type { MoverDeps } from "./contract.ts";
import { chunks, type Manner, type NodeIo } from "./io.ts";
import { idKey } from "./positions.ts";
import { servesAll } from "./sources.ts";
import type { TouchedLog } from "./touched-log.ts";

const pageSize = 256;

/** One node that gets points of a group, and where each part of them is read. */
export interface GroupPart {
  to: string;
  selector: Selector;
  into: Selector;
  onlyIf: Filter | undefined;
  sources: readonly { from: string; selector: Selector; into?: Selector }[];
}

/**
 * The points of a group of new positions: read wherever the one partitioner has them, written wherever the other wants them. A key that is
 * touched is fetched from all sources, since a new vector may have taken it from one to another.
 */
export class GroupFreight implements Freight {
  readonly name: string;
  readonly log: TouchedLog;
  readonly sources: readonly string[];
  readonly #parts: readonly GroupPart[];
  readonly #io: NodeIo;
  readonly #deps: MoverDeps;
  readonly #carrier: Carrier;

  constructor(
    name: string,
    parts: readonly GroupPart[],
    log: TouchedLog,
    { io, deps, carrier }: { io: NodeIo; deps: MoverDeps; carrier: Carrier },
  ) {
    this.name = name;
    this.log = log;
    this.sources = [...new Set(parts.flatMap(({ sources }) => sources.map(({ from }) => from)))];
    this.#parts = parts;
    this.#io = io;
    this.#deps = deps;
    this.#carrier = carrier;
  }

  ready(routing: Routing): boolean {
    return this.#parts.every(({ sources }) =>
      sources.every(({ from, selector, into }) => servesAll(routing, from, selector, into)),
    );
  }

  async copyAll(routing: Routing, onPage: (cursor: PointId | undefined) => void): Promise<void> {
    for (const haul of this.#hauls()) await this.#carrier.copyAll(haul, routing, onPage);
  }

  async carry(routing: Routing, ids: readonly PointId[], manner?: Manner): Promise<void> {
    for (const some of chunks(ids, Math.min(pageSize, this.#deps.capabilities.maxBatch))) {
      const held = new Map<string, Point[]>();
      const hold = async (from: string) => {
        held.set(from, await this.#io.fetch(from, some, { withVector: true, withPayload: true }, manner));
      };
      await Promise.all(this.sources.map(hold));
      await Promise.all(this.#parts.map((part) => this.#carryTo(part, routing, some, held, manner)));
    }
  }

  async #carryTo(
    part: GroupPart,
    routing: Routing,
    ids: readonly PointId[],
    held: ReadonlyMap<string, Point[]>,
    manner: Manner | undefined,
  ): Promise<void> {
    const wanted = new Map<string, Point>();
    for (const source of part.sources)
      for (const point of held.get(source.from)!) {
        const place = routing.placeOf(point.payload);
        const known = wanted.get(idKey(point.id));
        // Of two, one is about to be taken away.
        if (place && moveSelects(source, place.position, place.to) && !(known && newer(known, point)))
          wanted.set(idKey(point.id), point);
      }
    const gone = ids.filter((id) => !wanted.has(idKey(id)));
    if (wanted.size > 0) await this.#io.upsert(part.to, [...wanted.values()], manner, part.onlyIf);
    if (gone.length > 0) await this.#carrier.remove(part, routing, gone, manner);
  }

  async compareAll(routing: Routing): Promise<PointId[]> {
    const found = new Map<string, PointId>();
    for (const haul of this.#hauls()) for (const id of await this.#carrier.compareAll(haul, routing)) found.set(idKey(id), id);
    // A writer that died may have left a key in two places: the newer one counts.
    const size = Math.min(pageSize, this.#deps.capabilities.maxBatch);
    const real: PointId[] = [];
    for (const some of chunks([...found.values()], size)) real.push(...(await this.compareIds(routing, some, "patient")));
    return real;
  }

  async compareIds(routing: Routing, ids: readonly PointId[], manner: Manner): Promise<PointId[]> {
    const found = new Map<string, PointId>();
    const compareAt = async (part: GroupPart) => {
      const asked = part.sources.map((source) => this.#carrier.versionsOf(source.from, source, routing, ids, manner));
      const [right, ...sources] = await Promise.all([this.#carrier.versionsOf(part.to, part, routing, ids, manner), ...asked]);
      const left = new Map<string, number | undefined>();
      for (const [id, version] of sources.flatMap((source) => Array.from(source)))
        if ((version ?? -1) >= (left.get(id) ?? -1)) left.set(id, version);
      for (const id of ids)
        if (left.has(idKey(id)) !== right.has(idKey(id)) || left.get(idKey(id)) !== right.get(idKey(id)))
          found.set(idKey(id), id);
    };
    await Promise.all(this.#parts.map(compareAt));
    return [...found.values()];
  }

  async clearForeign(routing: Routing, ids: readonly PointId[]): Promise<void> {
    for (const part of this.#parts) await this.#carrier.clearForeign(part, routing, ids);
  }

  #hauls(): Haul[] {
    return this.#parts.flatMap(({ to, onlyIf, sources }) => sources.map((source) => Object.assign({ to, onlyIf }, source)));
  }
}

function newer(a: Point, b: Point): boolean {
  return (versionIn(a.payload) ?? -1) > (versionIn(b.payload) ?? -1);
}
