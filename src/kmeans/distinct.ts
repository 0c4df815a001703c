import type { Points } from "./points.ts";

/** How many different vectors there are, counted no further than `enough`. */
export function countDistinct({ rows, count, width }: Points, enough: number): number {
  const seen = new Set<string>();
  for (let i = 0; i < count && seen.size < enough; i++) {
    const row = rows.values.slice(i * width, (i + 1) * width);
    // −0 is 0.
    for (let d = 0; d < width; d++) row[d]! += 0;
    seen.add(Buffer.from(row.buffer).toString("latin1"));
  }
  return seen.size;
}
