import { assignRanges } from "../sharding/assign.ts";
import type { Routing } from "../sharding/owners.ts";
import type { Selector } from "../sharding/table.ts";
import type { Range } from "../sharding/ranges.ts";
import { selectorOf } from "./positions.ts";

/** A part of a selector, and the serving owner to copy it from. */
export interface Source {
  from: string;
  selector: Selector;
}

/** Whether a node serves every point of a selector (and of those, all that go to `into`). */
export function servesAll(routing: Routing, id: string, selector: Selector, into?: Selector): boolean {
  const node = routing.indexOf.get(id);
  return node !== undefined && routing.setsIn(selector, into).every(({ read }) => read.includes(node));
}

/**
 * Who to copy the points in these ranges from: the preferred node where it serves them all, else as few others as can be.
 * @param usable nodes that may be read; `to` itself is none of them
 * @returns the share of the positions that nobody serves, beside
 */
export function chooseSources(
  routing: Routing,
  ranges: readonly Range[],
  to: string,
  preferred: string | undefined,
  usable: (id: string) => boolean = () => true,
): { sources: Source[]; missingShare: number } {
  const { coordinate } = routing.placement;
  const all = selectorOf(ranges, coordinate);
  if (preferred !== undefined && preferred !== to && usable(preferred) && servesAll(routing, preferred, all))
    return { sources: [{ from: preferred, selector: all }], missingShare: 0 };
  const best = preferred === undefined ? undefined : routing.indexOf.get(preferred);
  const { ranges: assigned, missingShare } = assignRanges(
    routing.segments,
    (node) => routing.nodeIds[node] !== to && usable(routing.nodeIds[node]!),
    (node) => (node === best ? -1 : node),
    ranges,
  );
  const sources = [...assigned].map(([node, list]) => ({ from: routing.nodeIds[node]!, selector: selectorOf(list, coordinate) }));
  return { sources, missingShare };
}

/** Old and new positions at once (or cells and second cells): points that are in both. */
export interface Region {
  old: readonly Range[];
  /** Absent: all, and points that have none. */
  into?: readonly Range[];
}

/**
 * The same while points move between partitioners, of points that are all moved or all not; or of copies near boundaries.
 * @param moved whether the new partitioner owns them
 */
export function regionSources(
  routing: Routing,
  { old, into }: Region,
  { moved, usable }: { moved: boolean; usable: (id: string) => boolean },
): { sources: { from: string; selector: Selector; into?: Selector }[]; missingShare: number } {
  const next = routing.second!.placement;
  const segments = moved ? routing.parts.at(-1)!.segments : routing.segments;
  const { ranges, missingShare } = assignRanges(
    segments,
    (node) => usable(routing.nodeIds[node]!),
    (node) => node,
    moved ? into! : old,
  );
  const sources = [...ranges].map(([node, list]) => {
    const from = routing.nodeIds[node]!;
    const selector = selectorOf(moved ? old : list, routing.placement.coordinate);
    return into ? { from, selector, into: selectorOf(moved ? list : into, next.coordinate) } : { from, selector };
  });
  return { sources, missingShare };
}
