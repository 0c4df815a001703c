import { Board, keepsZones, zoneOf, type Bin, type Limits, type Piece } from "./board.ts";
import { easeOnce, exchangeOnce, type Aim } from "./easing.ts";

export type { Bin, Piece } from "./board.ts";

export interface Assignment {
  /** By shard: the nodes that shall hold it. */
  on: Map<number, Set<string>>;
  /** Shards that have fewer copies than wanted because of the limits. */
  short: number[];
  /** Shards that could have been moved to better places but for the limits. */
  cut: boolean;
}

/**
 * Decides who shall hold each shard, moving as little as it can: what is held stays, unless that breaks a rule or the
 * balance. In this order: as many copies as wanted, each on another node; as many zones as there are; even load ÷ weight.
 * Deterministic: ties go to the lower load, then the earlier node, then the lower shard.
 *
 * Balance is a descent by single moves on Σ load² ÷ weight, so that it ends where no shard can go from one node to another
 * and make them more even: with equal shards and weights, within one shard, zones and doubled copies permitting. From nothing it is the
 * greedy of the longest first, with that descent after it.
 * @param start who of `bins` keeps each shard to begin with
 * @param aim unless given, as even as can be; else moves (and where those do not do, exchanges) end as soon as every node is within it, the
 *   most relief for what is copied first, and the most loaded node never comes to bear more
 */
export function assign(
  pieces: readonly Piece[],
  bins: readonly Bin[],
  start: ReadonlyMap<number, ReadonlySet<string>>,
  limits: Limits,
  aim?: Aim,
): Assignment {
  const board = new Board(pieces, bins, start, limits);
  // Those with the fewest copies first: they are the ones at risk when the limits end it early.
  const byRisk = pieces.toSorted((a, b) => board.count(a) - board.count(b) || b.load - a.load || a.id - b.id);
  const wanted = (piece: Piece) => Math.min(piece.copies, bins.length);
  for (const piece of byRisk) while (board.count(piece) < wanted(piece) && addCopy(board, piece, aim !== undefined));
  for (const piece of pieces) while (board.count(piece) > piece.copies) dropCopy(board, piece);
  for (const piece of byRisk) while (spreadZone(board, piece));
  if (aim) while (easeOnce(board, aim) || exchangeOnce(board, aim));
  else while (balanceOnce(board));
  return {
    on: board.on,
    short: pieces.filter((piece) => board.count(piece) < Math.min(piece.copies, bins.length)).map(({ id }) => id),
    cut: board.cut,
  };
}

/**
 * One copy more, in a new zone where there is one; false where no node is left or the limits do not allow it.
 * @param apart prefer nodes that share little with those that have it
 */
function addCopy(board: Board, piece: Piece, apart: boolean): boolean {
  const free = board.free(piece);
  if (free.length === 0) return false;
  const zones = board.zones(piece);
  const fresh = free.filter((bin) => !zones.has(zoneOf(bin)));
  const open = fresh.length > 0 ? fresh : free;
  const best = board.leastLoaded(apart ? strangers(board, piece, open) : open, piece);
  if (!board.allows(piece, undefined, best.id)) return false;
  board.put(piece, best.id);
  return true;
}

/** One copy less: never one that is alone in its zone where others are not; the most loaded node gives. */
function dropCopy(board: Board, piece: Piece): void {
  const on = board.holders(piece);
  const zones = board.zones(piece);
  const doubled = on.filter((bin) => zones.get(zoneOf(bin))! > 1);
  const among = doubled.length > 0 ? doubled : on;
  const weak = on.filter(({ id }) => piece.weak?.has(id));
  const worst = (weak.length > 0 ? weak : among).toSorted(
    (a, b) => board.relative(b) - board.relative(a) || board.order.get(b.id)! - board.order.get(a.id)!,
  )[0]!;
  board.take(piece, worst.id);
}

/** Moves a copy out of a zone that has two into one that has none; false where that cannot be. */
function spreadZone(board: Board, piece: Piece): boolean {
  const zones = board.zones(piece);
  const from = board
    .holders(piece)
    .filter((bin) => zones.get(zoneOf(bin))! > 1)
    .toSorted((a, b) => board.relative(b) - board.relative(a) || board.order.get(a.id)! - board.order.get(b.id)!)[0];
  const fresh = board.free(piece).filter((bin) => !zones.has(zoneOf(bin)));
  if (!from || fresh.length === 0) return false;
  const to = board.leastLoaded(fresh, piece);
  if (!board.allows(piece, from.id, to.id)) return false;
  board.take(piece, from.id);
  board.put(piece, to.id);
  return true;
}

/** The single move that evens the load the most; false where none does. */
function balanceOnce(board: Board): boolean {
  let best: { piece: Piece; from: string; to: string; gain: number } | undefined;
  for (const piece of board.pieces) {
    const zones = board.zones(piece);
    const free = board.free(piece);
    for (const from of board.holders(piece)) {
      for (const to of free) {
        const gain = board.gain(board.loadsOf(piece), from, to);
        // The slack keeps rounding from finding gains in circles.
        if (gain <= 1e-9 * piece.load * piece.load || (best && gain <= best.gain * (1 + 1e-12))) continue;
        if (!keepsZones(zones, from, to)) continue;
        if (!board.allows(piece, from.id, to.id)) {
          board.cut = true;
          continue;
        }
        best = { piece, from: from.id, to: to.id, gain };
      }
    }
  }
  if (!best) return false;
  board.take(best.piece, best.from);
  board.put(best.piece, best.to);
  return true;
}

/** Of the nodes that would bear about as little, those that share the least with the holders of a piece: so nobody inherits a lost node alone. */
function strangers(board: Board, piece: Piece, bins: readonly Bin[]): Bin[] {
  const more = board.loadsOf(piece);
  const least = Math.min(...bins.map((bin) => board.relative(bin, more)));
  const near = bins.filter((bin) => board.relative(bin, more) <= least + Math.max(...more) / bin.weight);
  const shared = near.map(({ id }) => board.sharedWith(piece, id));
  const fewest = Math.min(...shared);
  return near.filter((_, at) => shared[at]! <= fewest * (1 + 1e-9));
}
