/** Half-open, ascending, disjoint ranges of positions. */
export type Range = [lo: number, hi: number];

/** What is left of ascending ranges once others are taken away. */
export function subtractRanges(ranges: readonly Range[], taken: readonly Range[]): Range[] {
  const holes = taken.toSorted((a, b) => a[0] - b[0]);
  const left: Range[] = [];
  let next = 0;
  for (const [lo, hi] of ranges) {
    let at = lo;
    while (next < holes.length && holes[next]![1] <= lo) next++;
    for (let hole = next; hole < holes.length && holes[hole]![0] < hi; hole++) {
      const [from, to] = holes[hole]!;
      if (from > at) left.push([at, from]);
      at = Math.max(at, to);
    }
    if (at < hi) left.push([at, hi]);
  }
  return left;
}

export function intersectRanges(a: readonly Range[], b: readonly Range[]): Range[] {
  const result: Range[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const lo = Math.max(a[i]![0], b[j]![0]);
    const hi = Math.min(a[i]![1], b[j]![1]);
    if (lo < hi) result.push([lo, hi]);
    if (a[i]![1] < b[j]![1]) i++;
    else j++;
  }
  return result;
}

/** All positions of either, neighbours merged. */
export function joinRanges(a: readonly Range[], b: readonly Range[]): Range[] {
  const result: Range[] = [];
  for (const [lo, hi] of [...a, ...b].sort((x, y) => x[0] - y[0])) {
    const last = result.at(-1);
    if (last && last[1] >= lo) last[1] = Math.max(last[1], hi);
    else result.push([lo, hi]);
  }
  return result;
}

export function inRanges(ranges: readonly Range[], position: number): boolean {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (ranges[middle]![1] <= position) low = middle + 1;
    else high = middle;
  }
  return low < ranges.length && ranges[low]![0] <= position;
}
