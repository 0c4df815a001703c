import { cutChanging } from "./changing.ts";
import { createLookup } from "./lookup.ts";
import { createPlacement, type Placement } from "./placement.ts";
import { createStamper, type Stamper } from "./keys.ts";
import { ownersAfter, selectorRanges } from "./moves.ts";
import { ownerSet, type OwnerSet } from "./owner-set.ts";
import { intersectRanges, type Range } from "./ranges.ts";
import { secondOwners } from "./second-owners.ts";
import { positionFieldOf, type Move, type RoutingTable, type Selector } from "./table.ts";

export interface OwnedSegment {
  lo: number;
  hi: number;
  set: OwnerSet;
}

/**
 * Where a point lies: its position and, while the partitioner changes, the one under the partitioner that is to come. Where copies are kept near boundaries,
 * its second cell in the place of that.
 */
export interface Place {
  position: number;
  to?: number;
}

/**
 * Points that are owned by one coordinate: all of them; or, while the partitioner changes, those that have not moved (by the old one), and
 * those that have (by the new one).
 */
export interface Part {
  readonly placement: Placement;
  /** The payload field of its positions. */
  readonly field: string;
  /** On its coordinate, ascending. */
  readonly segments: readonly OwnedSegment[];
  /** Of the old part, while the partitioner changes: only points whose new position is in these ranges. */
  readonly into?: { readonly field: string; readonly coordinate: Placement["coordinate"]; readonly ranges: readonly Range[] };
}

/** What a client makes of one epoch of a table. Immutable. */
export interface Routing {
  readonly table: RoutingTable;
  readonly placement: Placement;
  /** That of the partitioner that is to come, while points move to it. */
  readonly next: Placement | undefined;
  /** What `to` is a position of, by which moves and filters can tell points apart besides: `next`, or second cells. */
  readonly second: { readonly placement: Placement; readonly field: string } | undefined;
  readonly stamper: Stamper;
  readonly nodeIds: readonly string[];
  readonly indexOf: ReadonlyMap<string, number>;
  /** All that own anything now. */
  readonly sets: readonly OwnerSet[];
  /** On the placement's coordinate; while points move between partitioners, of those that have not moved yet. */
  readonly segments: readonly OwnedSegment[];
  /** One, or two while points move between partitioners; each point is in one of them. */
  readonly parts: readonly Part[];
  /** Distinct lists of serving owners with the share each holds: what a cover must satisfy. Those without any are left out. */
  readonly covers: readonly CoverSet[];
  /** The share of positions without a serving owner. */
  readonly unservedShare: number;
  /**
   * True where a new vector can put a key elsewhere: an upsert then also deletes the id on all other nodes, deletes go to
   * all, and every move logs (and every pause holds) every key.
   */
  readonly elsewhere: boolean;
  /** Nodes that such deletes go to: neither stale nor joining. */
  readonly everywhere: readonly number[];
  /** @param to the new position, while points move between partitioners; without one, a point counts as not moved */
  readonly setAt: (position: number, to?: number) => OwnerSet;
  /** Whether this node may answer for this position. */
  readonly serves: (node: number, position: number, to?: number) => boolean;
  /** Where a stored point lies by what is stamped on it; undefined where that does not say. */
  readonly placeOf: (payload: Record<string, unknown> | undefined) => Place | undefined;
  /** Everything that owns points of a selector (and of those that go into `into`). */
  readonly setsIn: (selector: Selector, into?: Selector) => OwnerSet[];
}

export interface CoverSet {
  readonly read: readonly number[];
  readonly share: number;
}

/**
 * Compiles a table. Pure; `loadHashes()` must have been awaited.
 * @param previous of the same collection: its placement is used again where nothing that it depends on has changed
 */
export function createRouting(table: RoutingTable, previous?: Routing): Routing {
  const { partitioner, transition, spill, vector } = table;
  const reuse = previous && placementKey(previous.table) === placementKey(table) ? previous : undefined;
  const placement = reuse?.placement ?? placementOf(table);
  const stamper = reuse?.stamper ?? createStamper(partitioner, vector.distance, transition?.to, spill);
  const nodeIds = Object.keys(table.nodes);
  const indexOf = new Map(nodeIds.map((id, index) => [id, index]));
  const { segments, sets: placed } = cutSegments(table, placement, indexOf);
  const at = segmentLookup(segments, placement.space);
  const base = { table, placement, stamper, nodeIds, indexOf, segments };
  const fields = { position: positionFieldOf(partitioner), to: transition ? positionFieldOf(transition.to) : spill?.field };
  const placeOf = (payload: Record<string, unknown> | undefined): Place | undefined => {
    const position = numberIn(payload, fields.position);
    const to = fields.to === undefined ? undefined : numberIn(payload, fields.to);
    if (position === undefined) return to === undefined || !transition ? undefined : { position: -1, to };
    return to === undefined ? { position } : { position, to };
  };
  const everywhere = nodeIds.flatMap((id, index) => (["serving", "leaving"].includes(table.nodes[id]!.state) ? [index] : []));
  const moving = transition?.phase === "moving" ? transition : undefined;
  if (!moving) {
    const setOf = (position: number) => segments[at(position)]!.set;
    const setAt = spill ? secondOwners(spill.phase, setOf) : setOf;
    return {
      ...base,
      next: undefined,
      second: spill && { placement, field: spill.field },
      sets: placed,
      parts: [{ placement, field: fields.position, segments }],
      ...coverage(placed),
      elsewhere: stamper.needsVector,
      everywhere,
      setAt,
      serves: (node, position, to) => setAt(position, to).read.includes(node),
      placeOf,
      // Who answers for points: copies do not.
      setsIn: (selector) => segmentsIn(segments, selectorRanges(selector)).map(({ set }) => set),
    };
  }
  const next = reuse?.next ?? placementOf({ ...table, partitioner: moving.to });
  const changing = cutChanging(table, { next, moved: moving.moved, indexOf });
  const toAt = segmentLookup(changing.pieces, next.space);
  const setAt = (position: number, to?: number) => {
    const old = position < 0 ? undefined : segments[at(position)]!;
    return changing.setOf(old, to === undefined || to < 0 ? undefined : toAt(to));
  };
  const { unmoved } = changing;
  const parts: Part[] = [];
  const scale = changing.unmovedShare;
  const remaining = scale > 0 ? placed.map((set) => Object.assign({}, set, { share: set.share * scale })) : [];
  if (unmoved.length > 0)
    parts.push({
      placement,
      field: fields.position,
      segments,
      ...(moving.moved.length > 0 && { into: { field: fields.to!, coordinate: next.coordinate, ranges: unmoved } }),
    });
  if (moving.moved.length > 0) parts.push({ placement: next, field: fields.to!, segments: changing.segments });
  const sets = [...remaining, ...changing.sets];
  return {
    ...base,
    next,
    second: { placement: next, field: fields.to! },
    sets,
    parts,
    ...coverage(sets),
    elsewhere: true,
    everywhere,
    setAt,
    serves: (node, position, to) => setAt(position, to).read.includes(node),
    placeOf,
    setsIn(selector, into) {
      const intoRanges: readonly Range[] = into ? selectorRanges(into) : [[0, next.space]];
      const old = intersectRanges(intoRanges, unmoved).length > 0 ? segmentsIn(segments, selectorRanges(selector)) : [];
      return [...old, ...segmentsIn(changing.segments, intoRanges)].map(({ set }) => set);
    },
  };
}

function numberIn(payload: Record<string, unknown> | undefined, name: string): number | undefined {
  const value = payload?.[name];
  return typeof value === "number" ? value : undefined;
}

function segmentLookup(segments: readonly { lo: number }[], space: number): (position: number) => number {
  const lookup = createLookup(
    Float64Array.from(segments, ({ lo }) => lo),
    space,
  );
  return (position) => lookup.find(position);
}

function segmentsIn(segments: readonly OwnedSegment[], ranges: readonly Range[]): OwnedSegment[] {
  let next = 0;
  // Both are ascending.
  return segments.filter(({ lo, hi }) => {
    while (next < ranges.length && ranges[next]![1] <= lo) next++;
    return next < ranges.length && ranges[next]![0] < hi;
  });
}

function coverage(sets: readonly OwnerSet[]): Pick<Routing, "covers" | "unservedShare"> {
  return {
    covers: coverSets(sets),
    unservedShare: sets.reduce((sum, set) => (set.read.length === 0 ? sum + set.share : sum), 0),
  };
}

/** The placement that a table's members give, moves apart. */
export function placementOf(table: Pick<RoutingTable, "partitioner" | "members" | "nodes" | "replicas">): Placement {
  return createPlacement({
    partitioner: table.partitioner,
    members: table.members.map((id) => {
      const node = table.nodes[id];
      return node?.zone === undefined ? { id, weight: node?.weight ?? 1 } : { id, weight: node.weight, zone: node.zone };
    }),
    replicas: table.replicas,
  });
}

function placementKey({ partitioner, transition, spill, members, nodes, replicas, vector }: RoutingTable): string {
  // A model's id stands for its centroids, which are long.
  const specs = [partitioner, ...(transition ? [transition.to] : [])].map((spec) =>
    spec.kind === "semantic" ? [spec.kind, spec.modelId, spec.hash, spec.field, spec.centroids.length, spec.owners] : spec,
  );
  const weights = members.map((id) => [id, nodes[id]?.weight, nodes[id]?.zone]);
  return JSON.stringify([specs, transition?.phase, spill, replicas, vector.distance, weights]);
}

function cutSegments(table: RoutingTable, placement: Placement, indexOf: ReadonlyMap<string, number>) {
  const edges: { at: number; move: Move; starts: boolean }[] = [];
  for (const move of table.moves)
    for (const [lo, hi] of selectorRanges(move.selector))
      edges.push({ at: lo, move, starts: true }, { at: hi, move, starts: false });
  edges.sort((a, b) => a.at - b.at);
  const active = new Set<Move>();
  const sets = new Map<string, OwnerSet & { share: number }>();
  const segments: OwnedSegment[] = [];
  let next = 0;
  for (const segment of placement.segments()) {
    let lo = segment.lo;
    const density = segment.share / (segment.hi - segment.lo);
    while (lo < segment.hi) {
      for (; next < edges.length && edges[next]!.at <= lo; next++) {
        const { move, starts } = edges[next]!;
        if (starts) active.add(move);
        else active.delete(move);
      }
      const hi = Math.min(segment.hi, edges[next]?.at ?? Infinity);
      // In the order of the table: a later move may take over from the target of an earlier one.
      const moves = active.size === 0 ? [] : table.moves.filter((move) => active.has(move));
      const key = `${segment.owners.join(" ")}|${moves.map(({ id }) => id).join(" ")}`;
      let set = sets.get(key);
      if (!set) sets.set(key, (set = ownerSet(table, ownersAfter(segment.owners, moves), moves, indexOf)));
      set.share += density * (hi - lo);
      const last = segments.at(-1);
      if (last?.set === set) last.hi = hi;
      else segments.push({ lo, hi, set });
      lo = hi;
    }
  }
  return { segments, sets: [...sets.values()] };
}

function coverSets(sets: readonly OwnerSet[]): CoverSet[] {
  const distinct = new Map<string, { read: readonly number[]; share: number }>();
  for (const { read, share } of sets) {
    if (read.length === 0) continue;
    const key = read.toSorted((a, b) => a - b).join(",");
    const known = distinct.get(key);
    if (known) known.share += share;
    else distinct.set(key, { read, share });
  }
  return [...distinct.values()];
}
