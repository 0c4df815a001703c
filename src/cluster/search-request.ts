import type { PreparedRequest } from "../http/contract.ts";
import type { CoverSet, Routing } from "../sharding/owners.ts";
import { inRanges } from "../sharding/ranges.ts";
import { physicalOf, positionFieldOf, stampFields, type PartitionerSpec, type RoutingTable } from "../sharding/table.ts";
import type { DataFace, SearchOptions, Vector } from "../stores/contract.ts";
import type { PreparedSearch } from "./contract.ts";
import { withStampFields } from "./records.ts";

/** What `prepareSearch` makes: the bytes that go to every node, and what is needed to make them again with a larger k. */
export interface RoutedSearch extends PreparedSearch {
  readonly face: DataFace;
  /** What the nodes call the collection in these bytes. */
  readonly physical: string;
  readonly vector: Vector;
  /** For the fields that its points had when it was made. */
  readonly request: PreparedRequest;
  readonly fields: true | readonly string[];
  /** Made again where they have others since: the last such request. */
  renewed?: { readonly request: PreparedRequest; readonly fields: true | readonly string[] };
  /** Where only some cells are asked: for the last routing that it was made under. */
  probed?: {
    readonly routing: Routing;
    readonly covers: readonly CoverSet[];
    readonly options: SearchOptions;
    readonly request: PreparedRequest;
  };
}

/** @param options as the caller gave them; the fields that merging needs are asked for besides */
export function prepareRoutedSearch(
  faceOf: (physical: string) => DataFace,
  collection: string,
  vector: Vector,
  options: SearchOptions,
  table?: RoutingTable,
): RoutedSearch {
  const physical = table ? physicalOf(table) : collection;
  const face = faceOf(physical);
  const fields = withStampFields(options.withPayload, table);
  return { collection, physical, options, face, vector, fields, request: face.prepareSearch(vector, asking(options, fields)) };
}

export function asking(options: SearchOptions, fields: true | readonly string[]): SearchOptions {
  return { ...options, withPayload: fields === true ? true : [...fields] };
}

/** The bytes of a search that asks for all fields that merging needs under this table. */
function requestFor(search: RoutedSearch, table: RoutingTable): PreparedRequest {
  const needed = stampFields(table);
  const has = (fields: true | readonly string[]) => fields === true || needed.every((name) => fields.includes(name));
  if (has(search.fields)) return search.request;
  if (!search.renewed || !has(search.renewed.fields)) {
    const fields = withStampFields(search.options.withPayload, table);
    search.renewed = { fields, request: search.face.prepareSearch(search.vector, asking(search.options, fields)) };
  }
  return search.renewed.request;
}

/** Whom to ask for a search, and what: the whole collection, or the cells nearest to the vector. */
export function probing(search: RoutedSearch, routing: Routing): Omit<NonNullable<RoutedSearch["probed"]>, "routing"> {
  const { table } = routing;
  const { options, vector, face } = search;
  // What asks for the truth means all of it.
  const covers = options.exact ? routing.covers : coversOf(routing, vector);
  if (covers === routing.covers) return { covers, options, request: requestFor(search, table) };
  if (search.probed?.routing !== routing) {
    const within = withinCells(options, routing, vector);
    const request =
      within === options
        ? requestFor(search, table)
        : face.prepareSearch(vector, asking(within, withStampFields(options.withPayload, table)));
    search.probed = { routing, covers, options: within, request };
  }
  return search.probed;
}

/**
 * The covers that a search must satisfy: of the whole collection, or of the probed cells alone, their shares scaled to 1. While points move
 * between partitioners, each of the two says which of the points that it places are to be asked for.
 */
function coversOf(routing: Routing, vector: Vector): readonly CoverSet[] {
  const { table, stamper, next, parts, setAt } = routing;
  const probesOf = (spec: PartitionerSpec | undefined) => (spec?.kind === "semantic" ? spec.probes : undefined);
  const probes = probesOf(table.partitioner);
  const probesTo = next && probesOf(table.transition?.to);
  if (probes === undefined && probesTo === undefined) return routing.covers;
  const asked = parts.map(({ placement, segments }) => {
    const isNew = placement === next;
    const share = shareOf(segments);
    // While points move, the old part's sets say what share of the old positions is theirs, moved or not.
    const weight = isNew || !next ? share : 1 - movedShare(parts, next);
    const count = isNew ? probesTo : probes;
    if (count === undefined) {
      const sets = [...new Set(segments.map(({ set }) => set))];
      return { weight, covers: sets.map((set) => ({ read: set.read, share: set.share / share })) };
    }
    const cells = isNew
      ? stamper.cellsTo(vector, count).filter((cell) => inRanges(table.transition!.moved, cell))
      : stamper.cellsOf(vector, count);
    return {
      weight: cells.length > 0 ? weight : 0,
      covers: cells.map((cell) => ({ read: (isNew ? setAt(-1, cell) : setAt(cell)).read, share: 1 / cells.length })),
    };
  });
  const total = asked.reduce((sum, { weight }) => sum + weight, 0);
  return asked.flatMap(({ weight, covers }) =>
    covers.filter(({ read }) => read.length > 0).map(({ read, share }) => ({ read, share: (share * weight) / total })),
  );
}

/**
 * A search among the probed cells alone, and copies that are kept there. A node holds others besides, and what it finds there would depend on which of the replicas is asked. While points move
 * between partitioners nothing is left out: all that the nodes asked hold is as good.
 */
function withinCells(options: SearchOptions, { table, stamper }: Routing, vector: Vector): SearchOptions {
  const { partitioner, transition, spill } = table;
  if (transition || partitioner.kind !== "semantic" || partitioner.probes === undefined) return options;
  const match = { any: stamper.cellsOf(vector, partitioner.probes) };
  const own = { key: positionFieldOf(partitioner), match };
  const cells = spill?.phase === "on" ? { should: [own, { key: spill.field, match }] } : own;
  return { ...options, filter: { must: options.filter ? [options.filter, cells] : [cells] } };
}

function movedShare(parts: Routing["parts"], next: Routing["next"]): number {
  return shareOf(parts.find(({ placement }) => placement === next)?.segments ?? []);
}

function shareOf(segments: Routing["segments"]): number {
  return [...new Set(segments.map(({ set }) => set))].reduce((sum, set) => sum + set.share, 0);
}
