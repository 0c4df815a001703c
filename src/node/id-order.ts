import type { PointId } from "../stores/contract.ts";
import { compareIds } from "./ids.ts";

/**
 * Ids in scroll order. New ones are kept aside and merged in when somebody scrolls, so that an upsert costs nothing and
 * a page costs its length. Deleted ids stay until the next merge: whoever iterates looks each one up anyway.
 */
export class IdOrder {
  #sorted: PointId[] = [];
  #added: PointId[] = [];

  add(id: PointId): void {
    this.#added.push(id);
  }

  /** Ids from `start` (inclusive) on, ascending; some may have been deleted. */
  *from(start: PointId | undefined, isAlive: (id: PointId) => boolean): Generator<PointId> {
    this.#merge(isAlive);
    const sorted = this.#sorted;
    for (let index = start === undefined ? 0 : lowerBound(sorted, start); index < sorted.length; index++) yield sorted[index]!;
  }

  #merge(isAlive: (id: PointId) => boolean): void {
    if (this.#added.length === 0) return;
    const added = this.#added.filter(isAlive).sort(compareIds);
    const merged: PointId[] = [];
    let left = 0;
    let right = 0;
    while (left < this.#sorted.length || right < added.length) {
      const a = this.#sorted[left];
      const b = added[right];
      const next = b === undefined || (a !== undefined && compareIds(a, b) <= 0) ? this.#sorted[left++]! : added[right++]!;
      if (next !== merged.at(-1) && isAlive(next)) merged.push(next);
    }
    this.#sorted = merged;
    this.#added = [];
  }
}

function lowerBound(sorted: PointId[], id: PointId): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareIds(sorted[middle]!, id) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
