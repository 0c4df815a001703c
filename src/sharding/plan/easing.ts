import { keepsZones, type Bin, type Board, type Loads, type Piece } from "./board.ts";

/** Where to stop: no node above (1 + tolerance) × the mean, and none that came empty below (1 − tolerance) ×. */
export interface Aim {
  tolerance: number;
}

/** So much of what is copied must be relief of what a node bears too much, unless it brings the node within the aim: what hardly helps stays. */
const leastRelief = 0.25;

/** With more pieces than this, single moves even out what there is. */
const mostExchanged = 512;

/** The move off a node that bears too much, or to one that came empty, that brings the most for what it copies; false where none helps. */
export function easeOnce(board: Board, { tolerance }: Aim): boolean {
  const mean = board.mean();
  const limit = limitOf(mean, tolerance);
  const above = overfull(board, limit);
  const below = new Set([...board.empty].filter((id) => board.relative(board.bins.get(id)!) < (1 - tolerance) * mean));
  if (above.size === 0 && below.size === 0) return false;
  const open = [...board.bins.values()].filter((bin) => !bin.closed);
  const bears = new Map([...board.bins.values()].map((bin) => [bin.id, board.relative(bin)]));
  // Whoever bears no less is never made more even by what comes.
  const takers = new Map(
    [...bears].map(([id, most]) => [id, open.filter((to) => bears.get(to.id)! < most && (above.has(id) || below.has(to.id)))]),
  );
  let best: { piece: Piece; from: string; to: string; score: number; gain: number } | undefined;
  for (const piece of board.pieces) {
    const loads = board.loadsOf(piece);
    const held = board.on.get(piece.id)!;
    for (const from of board.holders(piece)) {
      const { id } = from;
      const eases = above.has(id);
      if (!eases && board.relative(from, negative(loads)) < (1 - tolerance) * mean) continue;
      const relief = eases ? board.relief(from, loads, limit) : loads[0];
      const helps = eases && relief >= board.excess(from, limit) * (1 - 1e-9);
      for (const to of takers.get(id)!) {
        if (held.has(to.id)) continue;
        const score = Math.min(1, relief / board.toCopy(piece, id, to.id));
        if (!(score >= leastRelief || helps) || (best && score < best.score * (1 - 1e-9))) continue;
        const gain = board.gain(loads, from, to);
        if (gain <= 1e-9 * piece.load * piece.load || board.relative(to, loads) >= bears.get(id)!) continue;
        if ((best && !isBetter({ score, gain }, best)) || !keepsZones(board.zones(piece), from, to)) continue;
        best = { piece, from: id, to: to.id, score, gain };
      }
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
  const limit = limitOf(board.mean(), tolerance);
  const above = [...overfull(board, limit)].map((id) => board.bins.get(id)!);
  for (const from of above.toSorted((a, b) => board.relative(b) - board.relative(a))) {
    const best = bestExchange(board, from, limit);
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
function bestExchange(board: Board, from: Bin, limit: number): { piece: Piece; other: Piece; to: Bin } | undefined {
  let best: { piece: Piece; other: Piece; to: Bin; score: number; gain: number } | undefined;
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
        const toCopy = board.toCopy(piece, from.id, to.id) + board.toCopy(other, to.id, from.id);
        const relief = board.relief(from, change, limit);
        const score = Math.min(1, relief / toCopy);
        const pays = score >= leastRelief || relief >= board.excess(from, limit) * (1 - 1e-9);
        if (!pays || (best && !isBetter({ score, gain }, best))) continue;
        if (keepsZones(board.zones(piece), from, to)) best = { piece, other, to, score, gain };
      }
    }
  }
  return best;
}

/** Load ÷ weight at most. A breath more than the sum says: rounding must not make an even layout uneven. */
function limitOf(mean: number, tolerance: number): number {
  return (1 + tolerance) * mean * (1 + 1e-9);
}

/** Bins that bear more than they should. */
function overfull(board: Board, limit: number): Set<string> {
  return new Set([...board.bins.values()].filter((bin) => board.relative(bin) > limit).map(({ id }) => id));
}

interface Worth {
  score: number;
  gain: number;
}

/** First the most relief for what is copied; of those, what evens most. */
function isBetter(a: Worth, b: Worth): boolean {
  return a.score > b.score * (1 + 1e-9) || (a.score >= b.score * (1 - 1e-9) && a.gain > b.gain * (1 + 1e-12));
}

function negative([load, heat]: Loads): Loads {
  return [-load, -heat];
}
