import type { Block } from "./arena.ts";
import type { Points } from "./points.ts";

/** Rows of one segment: a large cell is several, so that threads share it. */
const segmentRows = 2048;

/**
 * Sums of rows by group, in an order that does not depend on how many threads there are: a group's rows ascend, in segments of 2048.
 * @param groupOf the group of entry i, −1 for none; @param rowOf its row
 * @param take is told each group's sum of rows (a view that lasts until the next call) and how many they are; empty groups are left out
 */
export async function sumByGroup(
  { arena, pool, rows, bytes, width }: Points,
  entries: number,
  groups: number,
  groupOf: (i: number) => number,
  rowOf: (i: number) => number,
  take: (group: number, sum: Float64Array, count: number) => void,
): Promise<void> {
  const mark = arena.mark();
  const starts = new Int32Array(groups + 1);
  for (let i = 0; i < entries; i++) {
    const group = groupOf(i);
    if (group >= 0) starts[group + 1]!++;
  }
  for (let g = 0; g < groups; g++) starts[g + 1]! += starts[g]!;
  const order = arena.i32(starts[groups]!);
  const next = starts.slice();
  for (let i = 0; i < entries; i++) {
    const group = groupOf(i);
    if (group >= 0) order.values[next[group]!++] = rowOf(i);
  }
  const bounds: number[] = [];
  for (let g = 0; g < groups; g++) for (let at = starts[g]!; at < starts[g + 1]!; at += segmentRows) bounds.push(at);
  const segments = bounds.length;
  bounds.push(starts[groups]!);
  const boundBlock: Block<Int32Array> = arena.i32(bounds.length);
  boundBlock.values.set(bounds);
  const out = arena.f64(segments * width);
  await pool.run("addRows", segments, 2, [rows.at, bytes, order.at, boundBlock.at, out.at]);
  for (let g = 0, s = 0; g < groups; g++) {
    const count = starts[g + 1]! - starts[g]!;
    if (count === 0) continue;
    const sum = out.values.subarray(s * width, (s + 1) * width);
    const parts = Math.ceil(count / segmentRows);
    for (let part = 1; part < parts; part++)
      for (let d = 0, at = (s + part) * width; d < width; d++, at++) sum[d]! += out.values[at]!;
    s += parts;
    take(g, sum, count);
  }
  arena.release(mark);
}
