import { chooseCover, ownersToAsk, type ReadLevel } from "../../sharding/cover.ts";
import type { CoverSet } from "../../sharding/owners.ts";
import { createRouting, type Routing, type RoutingTable } from "../../sharding/index.ts";
import { seededRng } from "../../runtime.ts";
import type { CollectionRadius, Part } from "./result.ts";

/** Ranges that a radius names one by one; the widest ones, since a ring has hundreds. */
const rangesNamed = 8;
/** Searches that are played through to tell how many ask a node; more would not change the second digit. */
const searchesPlayed = 400;

export interface Blow {
  /** Nodes that the fault would act on, and whether they would stop serving. */
  nodes: readonly string[];
  silences: boolean;
  /** Nodes that do not serve already. */
  down: readonly string[];
  level: ReadLevel;
}

/**
 * What a blow to nodes would do to one collection. Shares are arithmetic over the table's arcs, nothing sampled; the share of
 * searches plays some of them through the client's own choice of whom to ask. Pure; `loadHashes()` must have been awaited.
 */
export function routedRadius(table: RoutingTable, { nodes, silences, down, level }: Blow): CollectionRadius {
  const routing = createRouting(table);
  const indexes = (ids: readonly string[]) =>
    new Set(ids.flatMap((id) => (routing.indexOf.has(id) ? [routing.indexOf.get(id)!] : [])));
  const takes = indexes(nodes);
  const gone = indexes(silences ? [...nodes, ...down] : down);
  const isDown = indexes(down);
  const needed = ownersToAsk(level, table.replicas);
  const touched = ({ read }: CoverSet) => read.some((node) => takes.has(node));
  const lost = (set: CoverSet) => silences && touched(set) && set.read.filter((node) => !gone.has(node)).length < needed;
  const last = new Set<string>();
  for (const set of routing.sets)
    if (lost(set)) for (const node of set.read) if (takes.has(node)) last.add(routing.nodeIds[node]!);
  return {
    collection: table.collection,
    needed,
    affected: partOf(routing, touched),
    unserved: partOf(routing, lost),
    lastOwners: [...last].toSorted(),
    reads: readShares(routing, isDown, gone),
    queries: playSearches(routing, { takes, isDown, needed, lost }),
  };
}

/** The positions whose owners are such, and where they are. */
function partOf(routing: Routing, holds: (set: CoverSet) => boolean): Part {
  const share = routing.sets.reduce((sum, set) => (holds(set) ? sum + set.share : sum), 0);
  if (share === 0) return { share };
  const ranges: [number, number][] = [];
  for (const { lo, hi, set } of routing.segments) {
    if (!holds(set)) continue;
    const before = ranges.at(-1);
    if (before?.[1] === lo) before[1] = hi;
    else ranges.push([lo, hi]);
  }
  const exact = Math.min(1, share);
  if (routing.table.partitioner.kind === "semantic")
    return { share: exact, cells: ranges.flatMap(([lo, hi]) => Array.from({ length: hi - lo }, (_, index) => lo + index)) };
  const widest = ranges.toSorted((a, b) => b[1] - b[0] - (a[1] - a[0])).slice(0, rangesNamed);
  return { share: exact, ranges: widest.toSorted((a, b) => a[0] - b[0]), rangeCount: ranges.length };
}

/** Who answers, now and then, where each position's reads are spread evenly over its serving owners. */
function readShares(routing: Routing, isDown: ReadonlySet<number>, gone: ReadonlySet<number>): CollectionRadius["reads"] {
  const sums = (away: ReadonlySet<number>) => {
    const of = routing.nodeIds.map(() => 0);
    for (const { read, share } of routing.sets) {
      const left = read.filter((node) => !away.has(node));
      for (const node of left) of[node]! += share / left.length;
    }
    return of;
  };
  const [before, after] = [sums(isDown), sums(gone)];
  return routing.nodeIds
    .map((node, index) => ({ node, before: rounded(before[index]!), after: rounded(after[index]!) }))
    .filter((row) => row.before > 0 || row.after > 0);
}

interface Playing {
  takes: ReadonlySet<number>;
  isDown: ReadonlySet<number>;
  needed: number;
  lost: (set: CoverSet) => boolean;
}

/** Plays searches through the client's choice of whom to ask, nodes in any order of preference; the same ones every time. */
function playSearches(routing: Routing, { takes, isDown, needed, lost }: Playing): CollectionRadius["queries"] {
  const { partitioner, replicas } = routing.table;
  const probes = partitioner.kind === "semantic" ? partitioner.probes : undefined;
  const anyLost = routing.sets.some(lost);
  if (takes.size === 0 || routing.covers.length === 0) return { asking: 0, failing: 0 };
  const rng = seededRng(1);
  const unavailable = [...isDown];
  const maxLeftOut = (partitioner.kind === "ring" ? replicas - needed : routing.nodeIds.length) + unavailable.length;
  let asking = 0;
  let failing = 0;
  for (let search = 0; search < searchesPlayed; search++) {
    const covers = probes === undefined ? routing.covers : drawn(routing.covers, probes, rng);
    const worstFirst = shuffled(
      routing.nodeIds.map((_, index) => index),
      rng,
    );
    const { ask } = chooseCover({ covers, q: needed, unavailable, worstFirst, maxLeftOut });
    if (ask.some((node) => takes.has(node))) asking++;
    if (probes === undefined ? anyLost : covers.some(lost)) failing++;
  }
  return { asking: asking / searchesPlayed, failing: failing / searchesPlayed };
}

/** As many cells as a search probes, by their share: nothing is known here of where queries lie. */
function drawn(covers: readonly CoverSet[], count: number, rng: () => number): CoverSet[] {
  return Array.from({ length: count }, () => {
    let at = rng() * covers.reduce((sum, { share }) => sum + share, 0);
    return covers.find(({ share }) => (at -= share) < 0) ?? covers.at(-1)!;
  });
}

function shuffled(list: number[], rng: () => number): number[] {
  for (let index = list.length - 1; index > 0; index--) {
    const other = Math.floor(rng() * (index + 1));
    [list[index], list[other]] = [list[other]!, list[index]!];
  }
  return list;
}

function rounded(share: number): number {
  return Number(share.toFixed(6));
}
