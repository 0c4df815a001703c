import { createHash } from "node:crypto";
import { selectorRanges } from "../sharding/moves.ts";
import { field, type Coordinate, type Selector } from "../sharding/table.ts";
import type { Condition, Filter, Payload, PointId } from "../stores/contract.ts";

export type Range = [lo: number, hi: number];

/** Ranges in one filter at most: what the stores answer quickly. */
const rangesPerFilter = 200;

/** The payload field that holds the position of a point. */
function positionField(coordinate: Coordinate): string {
  return coordinate === "cell" ? field.cell : field.hash;
}

/** A stored point's position; undefined where it carries none. */
export function positionIn(payload: Payload | undefined, coordinate: Coordinate): number | undefined {
  const position = payload?.[positionField(coordinate)];
  return typeof position === "number" ? position : undefined;
}

/** Filters that together select exactly the points of a selector, each point by one of them. */
export function selectorFilters(selector: Selector): Filter[] {
  const filters: Filter[] = [];
  if (selector.kind === "cells") {
    for (let at = 0; at < selector.cells.length; at += rangesPerFilter)
      filters.push({ must: [{ key: field.cell, match: { any: selector.cells.slice(at, at + rangesPerFilter) } }] });
    return filters;
  }
  for (let at = 0; at < selector.ranges.length; at += rangesPerFilter) {
    const should: Condition[] = selector.ranges
      .slice(at, at + rangesPerFilter)
      .map(([gte, lt]) => ({ key: field.hash, range: { gte, lt } }));
    filters.push({ must: [should.length === 1 ? should[0]! : { should }] });
  }
  return filters;
}

/** Ascending ranges as a selector on that coordinate. */
export function selectorOf(ranges: readonly Range[], coordinate: Coordinate): Selector {
  if (coordinate !== "cell") return { kind: "ranges", ranges: [...ranges] };
  return { kind: "cells", cells: ranges.flatMap(([lo, hi]) => Array.from({ length: hi - lo }, (_, index) => lo + index)) };
}

/** What is left of ascending ranges once others are taken away. */
export function subtractRanges(ranges: readonly Range[], taken: readonly Range[]): Range[] {
  const holes = taken.toSorted((a, b) => a[0] - b[0]);
  const left: Range[] = [];
  for (const [lo, hi] of ranges) {
    let at = lo;
    for (const [from, to] of holes) {
      if (to <= at || from >= hi) continue;
      if (from > at) left.push([at, from]);
      at = to;
      if (at >= hi) break;
    }
    if (at < hi) left.push([at, hi]);
  }
  return left;
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
