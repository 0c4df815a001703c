import { assignRanges } from "../sharding/assign.ts";
import { selectorRanges } from "../sharding/moves.ts";
import type { Routing } from "../sharding/owners.ts";
import type { Selector } from "../sharding/table.ts";
import { selectorOf, type Range } from "./positions.ts";

/** A part of a selector, and the serving owner to copy it from. */
export interface Source {
  from: string;
  selector: Selector;
}

/** Whether a node serves every point of a selector. */
export function servesAll(routing: Routing, id: string, selector: Selector): boolean {
  const node = routing.indexOf.get(id);
  if (node === undefined) return false;
  const ranges = selectorRanges(selector);
  return routing.segments.every(
    ({ lo, hi, set }) => set.read.includes(node) || !ranges.some(([from, to]) => from < hi && to > lo),
  );
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
