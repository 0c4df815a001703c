import { keepsZones, type Bin, type Board, type Loads, type Piece } from "./board.ts";

/** Where to stop: no node above (1 + tolerance) × the mean, and none that came empty below (1 − tolerance) ×. */
export interface Aim {
  tolerance: number;
}

/** With more pieces than this, single moves even out what there is. */
const mostExchanged = 512;

/** The move off a node that bears too much, or to one that came empty, that brings the most for what it copies; false where none helps. */
export function easeOnce(board: Board, { tolerance }: Aim): boolean {
  const mean = board.mean();
  const above = overfull(board, tolerance, mean);
  const below = new Set([...board.empty].filter((id) => board.relative(board.bins.get(id)!) < (1 - tolerance) * mean));
  if (above.size === 0 && below.size === 0) return false;
  let best: { piece: Piece; from: string; to: string; score: number } | undefined;
  for (const piece of board.pieces) {
    const loads = board.loadsOf(piece);
    const holders = board.holders(piece);
    if (below.size === 0 && !holders.some(({ id }) => above.has(id))) continue;
    const zones = board.zones(piece);
    const free = board.free(piece);
    for (const from of holders)
      for (const to of free) {
        const eases = above.has(from.id);
        if (!eases && !(below.has(to.id) && board.relative(from, negative(loads)) >= (1 - tolerance) * mean)) continue;
        const gain = board.gain(loads, from, to);
        if (gain <= 1e-9 * piece.load * piece.load || board.relative(to, loads) >= board.relative(from)) continue;
        const score = gain / board.toCopy(piece, from.id, to.id);
        if ((best && score <= best.score * (1 + 1e-12)) || !keepsZones(zones, from, to)) continue;
        best = { piece, from: from.id, to: to.id, score };
      }
  }
  if (!best) return false;
  board.take(best.piece, best.from);
  board.put(best.piece, best.to);
  return true;
}

/** Where no single move helps a node that bears too much: two pieces change places. */
export function exchangeOnce(board: Board, { tolerance }: Aim): boolean {
  if (board.pieces.length > mostExchanged) return false;
  const above = [...overfull(board, tolerance, board.mean())].map((id) => board.bins.get(id)!);
  for (const from of above.toSorted((a, b) => board.relative(b) - board.relative(a))) {
    const best = bestExchange(board, from);
    if (!best) continue;
    board.take(best.piece, from.id);
    board.take(best.other, best.to.id);
    board.put(best.piece, best.to.id);
    board.put(best.other, from.id);
    return true;
  }
  return false;
}

/** The exchange that brings the most for what it copies. */
function bestExchange(board: Board, from: Bin): { piece: Piece; other: Piece; to: Bin } | undefined {
  let best: { piece: Piece; other: Piece; to: Bin; score: number } | undefined;
  const worst = board.relative(from);
  const mine = board.pieces.filter(({ id }) => board.on.get(id)!.has(from.id));
  for (const other of board.pieces) {
    const held = board.on.get(other.id)!;
    if (held.has(from.id) || from.closed) continue;
    const zones = board.zones(other);
    const against = board.loadsOf(other);
    for (const to of board.holders(other)) {
      if (to.closed || !keepsZones(zones, to, from)) continue;
      for (const piece of mine) {
        if (board.on.get(piece.id)!.has(to.id)) continue;
        const loads = board.loadsOf(piece);
        const change: Loads = [loads[0] - against[0], loads[1] - against[1]];
        const gain = board.gain(change, from, to);
        if (gain <= 1e-9 * (change[0] ** 2 + change[1] ** 2)) continue;
        if (Math.max(board.relative(to, change), board.relative(from, negative(change))) >= worst * (1 - 1e-12)) continue;
        const score = gain / (board.toCopy(piece, from.id, to.id) + board.toCopy(other, to.id, from.id));
        if (best && score <= best.score * (1 + 1e-12)) continue;
        if (keepsZones(board.zones(piece), from, to)) best = { piece, other, to, score };
      }
    }
  }
  return best;
}

/** Bins that bear more than they should. */
function overfull(board: Board, tolerance: number, mean: number): Set<string> {
  const limit = (1 + tolerance) * mean * (1 + 1e-9);
  return new Set([...board.bins.values()].filter((bin) => board.relative(bin) > limit).map(({ id }) => id));
}

function negative([load, heat]: Loads): Loads {
  return [-load, -heat];
}
