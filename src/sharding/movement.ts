import { sameOwners, type Placement, type Segment } from "./segments.ts";

/** The share of all points that lies in [lo, hi) of a placement's positions: of the positions themselves, unless something was counted. */
export type Weigh = (lo: number, hi: number) => number;

/**
 * `rebuild`: takes the place of an owner that cannot be read. `extend`: one replica more. `move`: the owner that goes is the source.
 * `drop`: one replica less, nothing is copied. A plan runs them in this order, so that a source is still an owner when it is read.
 */
export type TransferKind = "rebuild" | "extend" | "move" | "drop";
export const transferKinds: readonly TransferKind[] = ["rebuild", "extend", "move", "drop"];

/** All ranges that go from one node to another in the same way. */
export interface Transfer {
  kind: TransferKind;
  /** Where the copy is read; of a drop, an owner that stays. */
  from: string;
  /** Of a drop, the same as `from`. */
  to: string;
  replaces: string | null;
  ranges: [lo: number, hi: number][];
  /** Of all points, in `ranges`. */
  share: number;
  /** The fewest owners that can be read, over the ranges, while this runs and all of the earlier kinds have. */
  copiesDuring: number;
}

export interface Movement {
  /** Copies written ÷ all copies after. */
  movedFraction: number;
  /** The share of keys whose first owner changes. */
  primaryChangedFraction: number;
  /** Σ over nodes of max(0, share after − share before) ÷ replicas after: no plan with these shares writes less. */
  minimumFraction: number;
  transfers: Transfer[];
  /** Of all points: they would have to be copied, and none of their owners can be read. */
  lostShare: number;
}

export interface MovementOptions {
  weigh?: Weigh;
  /** Owners that can be read; all unless given. */
  serves?: (id: string) => boolean;
}

/**
 * What changes between two placements over the same positions, from the arcs. Where owners change, those that leave (the ones that cannot
 * be read first) are paired in order with those that come; an owner that comes without another leaving is copied from one that stays.
 */
export function movement(before: Placement, after: Placement, { weigh, serves = () => true }: MovementOptions = {}): Movement {
  const transfers = new Map<string, Transfer>();
  const change = new Map<string, number>();
  let copies = 0;
  let primary = 0;
  let lostShare = 0;
  overlay(before.segments(), after.segments(), (lo, hi, positions, was, is) => {
    const share = weigh ? weigh(lo, hi) : positions;
    if (was[0] !== is[0]) primary += share;
    const gone = was.filter((id) => !is.includes(id)).sort((a, b) => Number(serves(a)) - Number(serves(b)));
    const come = is.filter((id) => !was.includes(id));
    for (const id of gone) change.set(id, (change.get(id) ?? 0) - share);
    for (const id of come) change.set(id, (change.get(id) ?? 0) + share);
    if (gone.length === 0 && come.length === 0) return;
    const readable = was.filter(serves);
    if (readable.length === 0) {
      if (come.length > 0) lostShare += share;
      return;
    }
    copies += share * come.length;
    const stays = readable.find((id) => is.includes(id)) ?? readable[0]!;
    for (const { kind, ...pair } of pairs(gone, come, stays, serves, is)) {
      const key = `${kind} ${JSON.stringify(pair)}`;
      let transfer = transfers.get(key);
      if (!transfer) transfers.set(key, (transfer = { kind, ...pair, ranges: [], share: 0, copiesDuring: Infinity }));
      transfer.share += share;
      const { ranges } = transfer;
      const last = ranges[ranges.length - 1];
      if (last && last[1] === lo) last[1] = hi;
      else ranges.push([lo, hi]);
      transfer.copiesDuring = Math.min(transfer.copiesDuring, copiesDuring(kind, was, gone, come, serves));
    }
  });
  const gained = [...change.values()].reduce((sum, delta) => sum + Math.max(0, delta), 0);
  return {
    movedFraction: copies / after.replicas,
    primaryChangedFraction: primary,
    minimumFraction: gained / after.replicas,
    transfers: [...transfers.values()],
    lostShare,
  };
}

type Pair = Pick<Transfer, "kind" | "from" | "to" | "replaces">;

function pairs(gone: string[], come: string[], stays: string, serves: (id: string) => boolean, is: readonly string[]): Pair[] {
  const result = come.map((to, index): Pair => {
    const replaces = gone[index];
    if (replaces === undefined) return { kind: "extend", from: stays, to, replaces: null };
    return serves(replaces) ? { kind: "move", from: replaces, to, replaces } : { kind: "rebuild", from: stays, to, replaces };
  });
  // By the time of a drop, all that come are there.
  const keeper = is.includes(stays) ? stays : come[0]!;
  for (const replaces of gone.slice(come.length)) result.push({ kind: "drop", from: keeper, to: keeper, replaces });
  return result;
}

/** Readable owners of one stretch while a transfer of that kind runs, after all of the earlier kinds. */
function copiesDuring(
  kind: TransferKind,
  was: readonly string[],
  gone: readonly string[],
  come: readonly string[],
  serves: (id: string) => boolean,
): number {
  const readable = was.filter(serves).length;
  const readableGone = gone.filter(serves).length;
  if (kind === "drop") return readable - readableGone + come.length;
  const rebuilt = Math.min(come.length, gone.length - readableGone);
  const extended = Math.max(0, come.length - gone.length);
  return readable + (kind === "rebuild" ? 0 : rebuilt) + (kind === "move" ? extended : 0);
}

/** Both segment lists cut at each other's edges; only where owners or their order differ. `share` is that of the list `after`. */
function overlay(
  before: readonly Segment[],
  after: readonly Segment[],
  visit: (lo: number, hi: number, share: number, was: readonly string[], is: readonly string[]) => void,
): void {
  let index = 0;
  for (const segment of after) {
    let lo = segment.lo;
    while (lo < segment.hi) {
      while (before[index]!.hi <= lo) index++;
      const was = before[index]!;
      const hi = Math.min(segment.hi, was.hi);
      if (!sameOwners(was.owners, segment.owners))
        visit(lo, hi, (segment.share / (segment.hi - segment.lo)) * (hi - lo), was.owners, segment.owners);
      lo = hi;
    }
  }
}
