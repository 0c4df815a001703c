/** What a sample of draws says of the chances of the next one. */
export interface Chances {
  /** That it is something never seen before. */
  unseen: number;
  /** That it is one particular thing that was seen `count` times. */
  of(count: number): number;
}

/**
 * Simple Good–Turing (Gale & Sampson, "Good–Turing frequency estimation without tears", 1995). What was seen once or twice was lucky to be seen: its share of the draws overstates its chance,
 * by as much as is due to all that was not seen. N(r) things were seen r times: the unseen have N(1) ÷ n together, and one seen r times counts as r* = (r + 1) N(r + 1) ÷ N(r),
 * from the counts themselves where they are many, else from a line through them in log-log.
 * Counts need not be whole (of a sketch that forgets): the classes are of rounded ones.
 * @param counts of each thing that was seen, above zero
 */
export function goodTuring(counts: Iterable<number>): Chances {
  const classes = new Map<number, number>();
  let draws = 0;
  for (const count of counts) {
    const r = Math.max(1, Math.round(count));
    classes.set(r, (classes.get(r) ?? 0) + 1);
    draws += r;
  }
  if (draws === 0) return { unseen: 1, of: () => 0 };
  const unseen = (classes.get(1) ?? 0) / draws;
  const ranks = [...classes.keys()].toSorted((a, b) => a - b);
  const adjusted = adjustedCounts(ranks, classes);
  let seen = 0;
  for (const [at, r] of ranks.entries()) seen += classes.get(r)! * adjusted[at]!;
  const byCount = new Map(ranks.map((r, at) => [r, ((1 - unseen) * adjusted[at]!) / seen]));
  return { unseen, of: (count) => byCount.get(Math.max(1, Math.round(count))) ?? (1 - unseen) * (count / draws) };
}

/** r* of each class. */
function adjustedCounts(ranks: readonly number[], classes: ReadonlyMap<number, number>): number[] {
  const slope = logSlope(ranks, classes);
  // A slope above −1 would make counts larger: then there is no tail of rare things to make room for.
  if (slope === undefined || slope > -1) return [...ranks];
  let smooth = false;
  return ranks.map((r) => {
    const line = r * (1 + 1 / r) ** (slope + 1);
    const here = classes.get(r)!;
    const next = classes.get(r + 1) ?? 0;
    if (!smooth && next > 0) {
      const turing = ((r + 1) * next) / here;
      const deviation = ((r + 1) / here) * Math.sqrt(next * (1 + next / here));
      if (Math.abs(turing - line) > 1.96 * deviation) return turing;
    }
    // Once the two agree, the line is the better one for all that follows.
    smooth = true;
    return line;
  });
}

/** Of log Z(r) over log r, where Z is N(r) averaged over the gap around r: without that, the classes of one thing each would lie too high. */
function logSlope(ranks: readonly number[], classes: ReadonlyMap<number, number>): number | undefined {
  if (ranks.length < 3) return undefined;
  const points = ranks.map((r, at) => {
    const before = at === 0 ? 0 : ranks[at - 1]!;
    const after = at === ranks.length - 1 ? 2 * r - before : ranks[at + 1]!;
    return { x: Math.log(r), y: Math.log((2 * classes.get(r)!) / (after - before)) };
  });
  const meanX = points.reduce((sum, { x }) => sum + x, 0) / points.length;
  const meanY = points.reduce((sum, { y }) => sum + y, 0) / points.length;
  let [above, below] = [0, 0];
  for (const { x, y } of points) {
    above += (x - meanX) * (y - meanY);
    below += (x - meanX) ** 2;
  }
  return below > 0 ? above / below : undefined;
}
