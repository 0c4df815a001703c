/** A shard as the search for a better place sees it. */
export interface Piece {
  id: number;
  /** What it adds to a node's load; above zero, so that empty shards are spread too. */
  load: number;
  bytes: number;
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
 * and make them more even: with equal shards and weights, within one shard, zones and doubled copies permitting.
 * @param start who of `bins` keeps each shard to begin with
 */
export function assign(
  pieces: readonly Piece[],
  bins: readonly Bin[],
  start: ReadonlyMap<number, ReadonlySet<string>>,
  limits: Limits,
): Assignment {
  const state = new Board(pieces, bins, start, limits);
  // Those with the fewest copies first: they are the ones at risk when the limits end it early.
  const byRisk = pieces.toSorted((a, b) => state.count(a) - state.count(b) || b.load - a.load || a.id - b.id);
  for (const piece of byRisk) while (state.count(piece) < Math.min(piece.copies, bins.length) && state.addCopy(piece));
  for (const piece of pieces) while (state.count(piece) > piece.copies) state.dropCopy(piece);
  for (const piece of byRisk) while (state.spreadZone(piece));
  while (state.balanceOnce());
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
  readonly #load: Map<string, number>;
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
    this.#load = new Map(bins.map((bin) => [bin.id, bin.fixed]));
    this.on = new Map(pieces.map(({ id }) => [id, new Set(start.get(id) ?? [])]));
    for (const piece of pieces) for (const id of this.on.get(piece.id)!) this.#add(id, piece.load);
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
    const best = this.#leastLoaded(fresh.length > 0 ? fresh : free, piece.load);
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
      (a, b) => this.#relative(b, 0) - this.#relative(a, 0) || this.#order.get(b.id)! - this.#order.get(a.id)!,
    )[0]!;
    this.#take(piece, worst.id);
  }

  /** Moves a copy out of a zone that has two into one that has none; false where that cannot be. */
  spreadZone(piece: Piece): boolean {
    const zones = this.#zones(piece);
    const from = this.#holders(piece)
      .filter((bin) => zones.get(zoneOf(bin))! > 1)
      .toSorted((a, b) => this.#relative(b, 0) - this.#relative(a, 0) || this.#order.get(a.id)! - this.#order.get(b.id)!)[0];
    const fresh = this.#free(piece).filter((bin) => !zones.has(zoneOf(bin)));
    if (!from || fresh.length === 0) return false;
    const to = this.#leastLoaded(fresh, piece.load);
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
          const gain = this.#gain(piece, from, to);
          // The slack keeps rounding from finding gains in circles.
          if (gain <= 1e-9 * piece.load * piece.load || (best && gain <= best.gain * (1 + 1e-12))) continue;
          if (zones.has(zoneOf(to)) && zoneOf(to) !== zoneOf(from) && zones.get(zoneOf(from)) === 1) continue;
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

  /** How much Σ load² ÷ weight falls. */
  #gain({ load }: Piece, from: Bin, to: Bin): number {
    const before = this.#load.get(from.id)!;
    const after = this.#load.get(to.id)!;
    return (load * (2 * before - load)) / from.weight - (load * (2 * after + load)) / to.weight;
  }

  #relative(bin: Bin, more: number): number {
    return (this.#load.get(bin.id)! + more) / bin.weight;
  }

  #leastLoaded(bins: readonly Bin[], more: number): Bin {
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
    return [...this.#bins.values()].filter((bin) => !on.has(bin.id));
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
    this.#add(to, piece.load);
    if (!piece.held.has(to)) this.#charge(piece, 1);
  }

  #take(piece: Piece, from: string): void {
    this.on.get(piece.id)!.delete(from);
    this.#add(from, -piece.load);
    if (!piece.held.has(from)) this.#charge(piece, -1);
  }

  #charge({ bytes }: Piece, copies: number): void {
    this.#moves += copies;
    this.#bytes += copies * bytes;
  }

  #add(id: string, load: number): void {
    this.#load.set(id, this.#load.get(id)! + load);
  }
}

/** A node without a zone is one of its own. */
function zoneOf({ id, zone }: Bin): string {
  return zone === undefined ? `node ${id}` : `zone ${zone}`;
}
