/** A shard, or a cell, as the search for a better place sees it. */
export interface Piece {
  id: number;
  /** What it adds to a node's load; above zero, so that empty shards are spread too. */
  load: number;
  /** What it adds in a second respect, of a unit of its own: how often it is asked for. Absent: nothing. */
  heat?: number;
  bytes: number;
  /** Of its bytes, those that a node has which does not hold it: they need not be copied there. Absent: none. */
  has?: ReadonlyMap<string, number>;
  /** Who holds it now: a copy there need not be made. */
  held: ReadonlySet<string>;
  /** Of those, where the copy is dead: they go first where there are too many. */
  weak?: ReadonlySet<string>;
  /** Copies wanted, on different nodes. */
  copies: number;
}

/** A node that may be given shards. */
export interface Bin {
  id: string;
  zone?: string;
  weight: number;
  /** Load that stays there whatever happens. */
  fixed: number;
  /** Keeps what it has, and is given nothing. */
  closed?: boolean;
}

/** Where to stop: no node above (1 + tolerance) × the mean, and none that came empty below (1 − tolerance) ×. */
export interface Aim {
  tolerance: number;
}

/** Copies made and bytes copied at most. */
export interface Limits {
  maxMoves: number;
  maxBytes: number;
}

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
  const state = new Board(pieces, bins, start, limits);
  // Those with the fewest copies first: they are the ones at risk when the limits end it early.
  const byRisk = pieces.toSorted((a, b) => state.count(a) - state.count(b) || b.load - a.load || a.id - b.id);
  for (const piece of byRisk) while (state.count(piece) < Math.min(piece.copies, bins.length) && state.addCopy(piece));
  for (const piece of pieces) while (state.count(piece) > piece.copies) state.dropCopy(piece);
  for (const piece of byRisk) while (state.spreadZone(piece));
  if (aim) while (state.easeOnce(aim) || state.exchangeOnce(aim));
  else while (state.balanceOnce());
  return {
    on: state.on,
    short: pieces.filter((piece) => state.count(piece) < Math.min(piece.copies, bins.length)).map(({ id }) => id),
    cut: state.cut,
  };
}

/** The state of the search. */
class Board {
  readonly on: Map<number, Set<string>>;
  cut = false;
  /** By bin: load, and heat in the load's unit. */
  readonly #load: Map<string, Loads>;
  /** By piece, alike. */
  readonly #loads: Map<number, Loads>;
  /** Of the bins, when nothing had been put yet. */
  readonly #empty: ReadonlySet<string>;
  readonly #weight: number;
  readonly #bins: Map<string, Bin>;
  readonly #order: Map<string, number>;
  readonly #pieces: readonly Piece[];
  readonly #limits: Limits;
  #moves = 0;
  #bytes = 0;

  constructor(pieces: readonly Piece[], bins: readonly Bin[], start: ReadonlyMap<number, ReadonlySet<string>>, limits: Limits) {
    this.#pieces = pieces.toSorted((a, b) => a.id - b.id);
    this.#bins = new Map(bins.map((bin) => [bin.id, bin]));
    this.#order = new Map(bins.map((bin, index) => [bin.id, index]));
    this.#limits = limits;
    const sum = (of: (piece: Piece) => number) => pieces.reduce((total, piece) => total + of(piece), 0);
    const hot = sum(({ heat = 0 }) => heat);
    const scale = hot > 0 ? sum(({ load }) => load) / hot : 0;
    this.#loads = new Map(pieces.map(({ id, load, heat = 0 }) => [id, [load, heat * scale]]));
    this.#load = new Map(bins.map((bin) => [bin.id, [bin.fixed, 0]]));
    this.#weight = bins.reduce((total, { weight }) => total + weight, 0);
    this.on = new Map(pieces.map(({ id }) => [id, new Set(start.get(id) ?? [])]));
    for (const piece of pieces) for (const id of this.on.get(piece.id)!) this.#add(id, piece, 1);
    this.#empty = new Set(bins.flatMap(({ id }) => (this.#load.get(id)![0] === 0 ? [id] : [])));
  }

  count({ id }: Piece): number {
    return this.on.get(id)!.size;
  }

  /** One copy more, in a new zone where there is one; false where no node is left or the limits do not allow it. */
  addCopy(piece: Piece): boolean {
    const free = this.#free(piece);
    if (free.length === 0) return false;
    const zones = this.#zones(piece);
    const fresh = free.filter((bin) => !zones.has(zoneOf(bin)));
    const best = this.#leastLoaded(fresh.length > 0 ? fresh : free, piece);
    if (!this.#allows(piece, undefined, best.id)) return false;
    this.#put(piece, best.id);
    return true;
  }

  /** One copy less: never one that is alone in its zone where others are not; the most loaded node gives. */
  dropCopy(piece: Piece): void {
    const on = this.#holders(piece);
    const zones = this.#zones(piece);
    const doubled = on.filter((bin) => zones.get(zoneOf(bin))! > 1);
    const among = doubled.length > 0 ? doubled : on;
    const weak = on.filter(({ id }) => piece.weak?.has(id));
    const worst = (weak.length > 0 ? weak : among).toSorted(
      (a, b) => this.#relative(b) - this.#relative(a) || this.#order.get(b.id)! - this.#order.get(a.id)!,
    )[0]!;
    this.#take(piece, worst.id);
  }

  /** Moves a copy out of a zone that has two into one that has none; false where that cannot be. */
  spreadZone(piece: Piece): boolean {
    const zones = this.#zones(piece);
    const from = this.#holders(piece)
      .filter((bin) => zones.get(zoneOf(bin))! > 1)
      .toSorted((a, b) => this.#relative(b) - this.#relative(a) || this.#order.get(a.id)! - this.#order.get(b.id)!)[0];
    const fresh = this.#free(piece).filter((bin) => !zones.has(zoneOf(bin)));
    if (!from || fresh.length === 0) return false;
    const to = this.#leastLoaded(fresh, piece);
    if (!this.#allows(piece, from.id, to.id)) return false;
    this.#take(piece, from.id);
    this.#put(piece, to.id);
    return true;
  }

  /** The single move that evens the load the most; false where none does. */
  balanceOnce(): boolean {
    let best: { piece: Piece; from: string; to: string; gain: number } | undefined;
    for (const piece of this.#pieces) {
      const zones = this.#zones(piece);
      const free = this.#free(piece);
      for (const from of this.#holders(piece)) {
        for (const to of free) {
          const gain = this.#gain(this.#loads.get(piece.id)!, from, to);
          // The slack keeps rounding from finding gains in circles.
          if (gain <= 1e-9 * piece.load * piece.load || (best && gain <= best.gain * (1 + 1e-12))) continue;
          if (!keepsZones(zones, from, to)) continue;
          if (!this.#allows(piece, from.id, to.id)) {
            this.cut = true;
            continue;
          }
          best = { piece, from: from.id, to: to.id, gain };
        }
      }
    }
    if (!best) return false;
    this.#take(best.piece, best.from);
    this.#put(best.piece, best.to);
    return true;
  }

  /** The move off a node that bears too much, or to one that came empty, that brings the most for what it copies; false where none helps. */
  easeOnce({ tolerance }: Aim): boolean {
    const mean = this.#mean();
    const above = this.#above(tolerance, mean);
    const below = new Set([...this.#empty].filter((id) => this.#relative(this.#bins.get(id)!) < (1 - tolerance) * mean));
    if (above.size === 0 && below.size === 0) return false;
    let best: { piece: Piece; from: string; to: string; score: number } | undefined;
    for (const piece of this.#pieces) {
      const loads = this.#loads.get(piece.id)!;
      const holders = this.#holders(piece);
      if (below.size === 0 && !holders.some(({ id }) => above.has(id))) continue;
      const zones = this.#zones(piece);
      const free = this.#free(piece);
      for (const from of holders)
        for (const to of free) {
          const eases = above.has(from.id);
          if (!eases && !(below.has(to.id) && this.#relative(from, negative(loads)) >= (1 - tolerance) * mean)) continue;
          const gain = this.#gain(loads, from, to);
          if (gain <= 1e-9 * piece.load * piece.load || this.#relative(to, loads) >= this.#relative(from)) continue;
          const score = gain / this.#toCopy(piece, from.id, to.id);
          if ((best && score <= best.score * (1 + 1e-12)) || !keepsZones(zones, from, to)) continue;
          best = { piece, from: from.id, to: to.id, score };
        }
    }
    if (!best) return false;
    this.#take(best.piece, best.from);
    this.#put(best.piece, best.to);
    return true;
  }

  /** Where no single move helps a node that bears too much: two pieces change places. */
  exchangeOnce({ tolerance }: Aim): boolean {
    if (this.#pieces.length > mostExchanged) return false;
    const above = [...this.#above(tolerance, this.#mean())].map((id) => this.#bins.get(id)!);
    for (const from of above.toSorted((a, b) => this.#relative(b) - this.#relative(a))) {
      const best = this.#bestExchange(from);
      if (!best) continue;
      this.#take(best.piece, from.id);
      this.#take(best.other, best.to.id);
      this.#put(best.piece, best.to.id);
      this.#put(best.other, from.id);
      return true;
    }
    return false;
  }

  #bestExchange(from: Bin): { piece: Piece; other: Piece; to: Bin } | undefined {
    let best: { piece: Piece; other: Piece; to: Bin; score: number } | undefined;
    const worst = this.#relative(from);
    const mine = this.#pieces.filter(({ id }) => this.on.get(id)!.has(from.id));
    for (const other of this.#pieces) {
      const held = this.on.get(other.id)!;
      if (held.has(from.id) || from.closed) continue;
      const zones = this.#zones(other);
      const against = this.#loads.get(other.id)!;
      for (const to of this.#holders(other)) {
        if (to.closed || !keepsZones(zones, to, from)) continue;
        for (const piece of mine) {
          if (this.on.get(piece.id)!.has(to.id)) continue;
          const loads = this.#loads.get(piece.id)!;
          const change: Loads = [loads[0] - against[0], loads[1] - against[1]];
          const gain = this.#gain(change, from, to);
          if (gain <= 1e-9 * (change[0] ** 2 + change[1] ** 2)) continue;
          if (Math.max(this.#relative(to, change), this.#relative(from, negative(change))) >= worst * (1 - 1e-12)) continue;
          const score = gain / (this.#toCopy(piece, from.id, to.id) + this.#toCopy(other, to.id, from.id));
          if (best && score <= best.score * (1 + 1e-12)) continue;
          if (keepsZones(this.#zones(piece), from, to)) best = { piece, other, to, score };
        }
      }
    }
    return best;
  }

  /** Bins that bear more than they should. */
  #above(tolerance: number, mean: number): Set<string> {
    const limit = (1 + tolerance) * mean * (1 + 1e-9);
    return new Set([...this.#bins.values()].filter((bin) => this.#relative(bin) > limit).map(({ id }) => id));
  }

  /** Load ÷ weight, were it all even. */
  #mean(): number {
    return [...this.#load.values()].reduce((sum, [load]) => sum + load, 0) / this.#weight;
  }

  /** What must be copied for such a move, less what need not be any more; never nothing, so that it can be divided by. */
  #toCopy(piece: Piece, from: string, to: string): number {
    const lacks = (id: string) => (piece.held.has(id) ? 0 : piece.bytes - (piece.has?.get(id) ?? 0));
    return Math.max(1e-6 * piece.bytes, lacks(to) - lacks(from), Number.MIN_VALUE);
  }

  /** How much Σ load² ÷ weight falls. */
  #gain(loads: Loads, from: Bin, to: Bin): number {
    const before = this.#load.get(from.id)!;
    const after = this.#load.get(to.id)!;
    const of = (at: 0 | 1) =>
      (loads[at] * (2 * before[at] - loads[at])) / from.weight - (loads[at] * (2 * after[at] + loads[at])) / to.weight;
    return of(0) + of(1);
  }

  /** Load or heat ÷ weight, whichever is more. */
  #relative(bin: Bin, [load, heat]: Loads = nothing): number {
    const now = this.#load.get(bin.id)!;
    return Math.max(now[0] + load, now[1] + heat) / bin.weight;
  }

  #leastLoaded(bins: readonly Bin[], piece: Piece): Bin {
    const more = this.#loads.get(piece.id)!;
    return bins.toSorted(
      (a, b) => this.#relative(a, more) - this.#relative(b, more) || this.#order.get(a.id)! - this.#order.get(b.id)!,
    )[0]!;
  }

  #holders({ id }: Piece): Bin[] {
    return [...this.on.get(id)!]
      .map((bin) => this.#bins.get(bin)!)
      .toSorted((a, b) => this.#order.get(a.id)! - this.#order.get(b.id)!);
  }

  #free({ id }: Piece): Bin[] {
    const on = this.on.get(id)!;
    return [...this.#bins.values()].filter((bin) => !on.has(bin.id) && !bin.closed);
  }

  /** Copies by zone. */
  #zones(piece: Piece): Map<string, number> {
    const zones = new Map<string, number>();
    for (const bin of this.#holders(piece)) zones.set(zoneOf(bin), (zones.get(zoneOf(bin)) ?? 0) + 1);
    return zones;
  }

  /** Whether the limits have room for this change: what is copied counts, not what is dropped. */
  #allows(piece: Piece, from: string | undefined, to: string): boolean {
    const copies = (piece.held.has(to) ? 0 : 1) - (from !== undefined && !piece.held.has(from) ? 1 : 0);
    return (
      copies <= 0 ||
      (this.#moves + copies <= this.#limits.maxMoves && this.#bytes + copies * piece.bytes <= this.#limits.maxBytes)
    );
  }

  #put(piece: Piece, to: string): void {
    this.on.get(piece.id)!.add(to);
    this.#add(to, piece, 1);
    if (!piece.held.has(to)) this.#charge(piece, 1);
  }

  #take(piece: Piece, from: string): void {
    this.on.get(piece.id)!.delete(from);
    this.#add(from, piece, -1);
    if (!piece.held.has(from)) this.#charge(piece, -1);
  }

  #charge({ bytes }: Piece, copies: number): void {
    this.#moves += copies;
    this.#bytes += copies * bytes;
  }

  #add(id: string, { id: piece }: Piece, times: number): void {
    const now = this.#load.get(id)!;
    for (const at of [0, 1] as const) now[at] += times * this.#loads.get(piece)![at];
  }
}

/** Of a piece, or of all pieces of a bin. */
type Loads = [load: number, heat: number];

const nothing: Loads = [0, 0];

function negative([load, heat]: Loads): Loads {
  return [-load, -heat];
}

/** With more pieces than this, single moves even out what there is. */
const mostExchanged = 512;

/** Whether a copy may go from the one to the other: never from a zone of its own into one that has another copy. */
function keepsZones(zones: ReadonlyMap<string, number>, from: Bin, to: Bin): boolean {
  return !(zones.has(zoneOf(to)) && zoneOf(to) !== zoneOf(from) && zones.get(zoneOf(from)) === 1);
}

/** A node without a zone is one of its own. */
function zoneOf({ id, zone }: Bin): string {
  return zone === undefined ? `node ${id}` : `zone ${zone}`;
}
