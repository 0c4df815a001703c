import { createLookup } from "./lookup.ts";
import { createPlacement, type Placement } from "./placement.ts";
import { createStamper, type Stamper } from "./keys.ts";
import { ownersAfter, selectorRanges } from "./moves.ts";
import type { Move, RoutingTable } from "./table.ts";

/** Everything that holds for a set of positions: who owns them, now, under a table with its moves. Nodes are indices into `Routing.nodeIds`. */
interface OwnerSet {
  /** After the cut-overs that have happened, the primary first; stale ones included. */
  readonly owners: readonly number[];
  /** Must get every write: owners that are not stale. */
  readonly write: readonly number[];
  /** May answer reads: owners that are serving or leaving. */
  readonly read: readonly number[];
  /** Some node of `write` may be sent nothing for now, so a write here has to wait or fail. */
  readonly quiet: boolean;
  /** Announced or paused moves that a write here must be logged for. */
  readonly moves: readonly Move[];
  /** Those of them that hold writes. */
  readonly paused: readonly Move[];
  /** Of all positions. */
  readonly share: number;
}

export interface OwnedSegment {
  lo: number;
  hi: number;
  set: OwnerSet;
}

/** What a client makes of one epoch of a table. Immutable. */
export interface Routing {
  readonly table: RoutingTable;
  readonly placement: Placement;
  readonly stamper: Stamper;
  readonly nodeIds: readonly string[];
  readonly indexOf: ReadonlyMap<string, number>;
  readonly sets: readonly OwnerSet[];
  readonly segments: readonly OwnedSegment[];
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
  readonly setAt: (position: number) => OwnerSet;
  /** Whether this node may answer for this position. */
  readonly serves: (node: number, position: number) => boolean;
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
  const reuse = previous && placementKey(previous.table) === placementKey(table) ? previous : undefined;
  const placement = reuse?.placement ?? placementOf(table);
  const stamper = reuse?.stamper ?? createStamper(table.partitioner, table.vector.distance);
  const nodeIds = Object.keys(table.nodes);
  const indexOf = new Map(nodeIds.map((id, index) => [id, index]));
  const { segments, sets } = cutSegments(table, placement, indexOf);
  const lookup = createLookup(
    Float64Array.from(segments, (segment) => segment.lo),
    placement.space,
  );
  const setAt = (position: number) => segments[lookup.find(position)]!.set;
  const covers = coverSets(sets);
  return {
    table,
    placement,
    stamper,
    nodeIds,
    indexOf,
    sets,
    segments,
    covers,
    unservedShare: sets.reduce((sum, set) => (set.read.length === 0 ? sum + set.share : sum), 0),
    elsewhere: stamper.needsVector,
    everywhere: nodeIds.flatMap((id, index) => (["serving", "leaving"].includes(table.nodes[id]!.state) ? [index] : [])),
    setAt,
    serves: (node, position) => setAt(position).read.includes(node),
  };
}

/** The placement that a table's members give, moves apart. */
export function placementOf(table: RoutingTable): Placement {
  return createPlacement({
    partitioner: table.partitioner,
    members: table.members.map((id) => {
      const node = table.nodes[id];
      return node?.zone === undefined ? { id, weight: node?.weight ?? 1 } : { id, weight: node.weight, zone: node.zone };
    }),
    replicas: table.replicas,
  });
}

function placementKey({ partitioner, members, nodes, replicas, vector }: RoutingTable): string {
  const { kind } = partitioner;
  // A model's id stands for its centroids, which are long.
  const spec = kind === "semantic" ? [kind, partitioner.modelId, partitioner.hash, partitioner.centroids.length] : partitioner;
  return JSON.stringify([spec, replicas, vector.distance, members.map((id) => [id, nodes[id]?.weight, nodes[id]?.zone])]);
}

function cutSegments(table: RoutingTable, placement: Placement, indexOf: ReadonlyMap<string, number>) {
  const edges: { at: number; move: Move; starts: boolean }[] = [];
  for (const move of table.moves)
    for (const [lo, hi] of selectorRanges(move.selector))
      edges.push({ at: lo, move, starts: true }, { at: hi, move, starts: false });
  edges.sort((a, b) => a.at - b.at);
  const active = new Set<Move>();
  const sets = new Map<string, { -readonly [K in keyof OwnerSet]: OwnerSet[K] }>();
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

function ownerSet(
  { nodes }: RoutingTable,
  owners: readonly string[],
  moves: readonly Move[],
  indexOf: ReadonlyMap<string, number>,
) {
  const known = owners.filter((id) => nodes[id]);
  const write = known.filter((id) => nodes[id]!.state !== "stale");
  const read = write.filter((id) => nodes[id]!.state !== "joining");
  const indices = (ids: readonly string[]) => ids.map((id) => indexOf.get(id)!);
  const open = moves.filter((move) => move.phase !== "cutover");
  return {
    owners: indices(known),
    write: indices(write),
    read: indices(read),
    quiet: write.some((id) => nodes[id]!.quiet !== undefined),
    moves: open,
    paused: open.filter((move) => move.phase === "paused"),
    share: 0,
  };
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
