import { createHash } from "node:crypto";
import { selectorRanges } from "../sharding/moves.ts";
import { filtersOf } from "../cluster/position-filters.ts";
import type { Routing } from "../sharding/owners.ts";
import type { Range } from "../sharding/ranges.ts";
import { field, positionFieldOf, type Coordinate, type Selector } from "../sharding/table.ts";
import type { Filter, PointId } from "../stores/contract.ts";

/** The positions that a partitioner gives, and where a point carries its own. */
export interface Axis {
  field: string;
  coordinate: Coordinate;
  space: number;
}

/** Those of a table; `to` while points move between partitioners, or where copies are kept near boundaries. */
export interface Axes {
  own: Axis;
  to?: Axis;
}

export function axesOf({ table, placement, second }: Pick<Routing, "table" | "placement" | "second">): Axes {
  const axis = (name: string, { coordinate, space }: Pick<Axis, "coordinate" | "space">): Axis => ({
    field: name,
    coordinate,
    space,
  });
  return {
    own: axis(positionFieldOf(table.partitioner), placement),
    ...(second && { to: axis(second.field, second.placement) }),
  };
}

/**
 * Filters that together select exactly the points of a selector, each point by one of them.
 * @param axes of the table; unless given, those of a table that never had another partitioner
 * @param into besides, only what goes to these new positions
 */
export function selectorFilters(selector: Selector, axes: Axes = { own: axisOf(selector) }, into?: Selector): Filter[] {
  const { own, to } = axes;
  const ranges = selectorRanges(selector);
  const all = ranges.length === 1 && ranges[0]![0] === 0 && ranges[0]![1] >= own.space;
  const terms = all && into ? [] : [{ ...own, ranges }];
  if (into && to) terms.push({ ...to, ranges: selectorRanges(into) });
  return filtersOf(terms).map(({ conditions }) => ({ must: conditions }));
}

function axisOf({ kind }: Selector): Axis {
  return kind === "cells"
    ? { field: field.cell, coordinate: "cell", space: Infinity }
    : { field: field.hash, coordinate: "hash", space: Infinity };
}

/** Filters as one, of points that any of them takes. */
export function anyOf(filters: readonly Filter[]): Filter {
  return filters.length === 1 ? filters[0]! : { should: [...filters] };
}

/** Ascending ranges as a selector on that coordinate. */
export function selectorOf(ranges: readonly Range[], coordinate: Coordinate): Selector {
  if (coordinate !== "cell") return { kind: "ranges", ranges: [...ranges] };
  return { kind: "cells", cells: ranges.flatMap(([lo, hi]) => Array.from({ length: hi - lo }, (_, index) => lo + index)) };
}

export function selectorsShare(a: Selector, b: Selector): boolean {
  const others = selectorRanges(b);
  return selectorRanges(a).some(([lo, hi]) => others.some(([from, to]) => from < hi && to > lo));
}

/** The order in which stores scroll: integers by value, then UUIDs by their bytes. */
export function compareIds(a: PointId, b: PointId): number {
  if (typeof a === "number") return typeof b === "number" ? a - b : -1;
  if (typeof b === "number") return 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A number and a UUID that look alike are two ids. */
export function idKey(id: PointId): string {
  return typeof id === "number" ? `#${id}` : id;
}

/**
 * A checksum of a set of (id, version) pairs that does not depend on their order: the sum of 48-bit hashes, mod 2^48, so that
 * replicas which scroll differently agree.
 */
export class SetChecksum {
  #sum = 0;
  count = 0;

  add(id: PointId, version: number | undefined): void {
    const digest = createHash("md5")
      .update(`${idKey(id)} ${version ?? "-"}`)
      .digest();
    this.#sum = (this.#sum + digest.readUIntBE(0, 6)) % 2 ** 48;
    this.count++;
  }

  /** 12 hex digits. */
  get text(): string {
    return this.#sum.toString(16).padStart(12, "0");
  }
}
