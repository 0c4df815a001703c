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

/** Copies made and bytes copied at most. */
export interface Limits {
  maxMoves: number;
  maxBytes: number;
}

/** Of a piece, or of all pieces of a bin. */
export type Loads = [load: number, heat: number];

const nothing: Loads = [0, 0];

/** The state of the search. */
export class Board {
  readonly on: Map<number, Set<string>>;
  cut = false;
  /** By bin: load, and heat in the load's unit. */
  readonly #load: Map<string, Loads>;
  /** By piece, alike. */
  readonly #loads: Map<number, Loads>;
  /** Of the bins, when nothing had been put yet. */
  readonly empty: ReadonlySet<string>;
  readonly #weight: number;
  readonly bins: Map<string, Bin>;
  readonly order: Map<string, number>;
  readonly pieces: readonly Piece[];
  readonly #limits: Limits;
  /** Load of the pieces that two bins both hold, by their ids in order. */
  readonly #shared = new Map<string, number>();
  #moves = 0;
  #bytes = 0;

  constructor(pieces: readonly Piece[], bins: readonly Bin[], start: ReadonlyMap<number, ReadonlySet<string>>, limits: Limits) {
    this.pieces = pieces.toSorted((a, b) => a.id - b.id);
    this.bins = new Map(bins.map((bin) => [bin.id, bin]));
    this.order = new Map(bins.map((bin, index) => [bin.id, index]));
    this.#limits = limits;
    const sum = (of: (piece: Piece) => number) => pieces.reduce((total, piece) => total + of(piece), 0);
    const hot = sum(({ heat = 0 }) => heat);
    const scale = hot > 0 ? sum(({ load }) => load) / hot : 0;
    this.#loads = new Map(pieces.map(({ id, load, heat = 0 }) => [id, [load, heat * scale]]));
    this.#load = new Map(bins.map((bin) => [bin.id, [bin.fixed, 0]]));
    this.#weight = bins.reduce((total, { weight }) => total + weight, 0);
    this.on = new Map(pieces.map(({ id }) => [id, new Set<string>()]));
    for (const piece of pieces)
      for (const id of start.get(piece.id) ?? []) {
        this.#share(piece, id, 1);
        this.on.get(piece.id)!.add(id);
        this.#add(id, piece, 1);
      }
    this.empty = new Set(bins.flatMap(({ id }) => (this.#load.get(id)![0] === 0 ? [id] : [])));
  }

  count({ id }: Piece): number {
    return this.on.get(id)!.size;
  }

  /** What a piece adds: load, and heat in the load's unit. */
  loadsOf({ id }: Piece): Loads {
    return this.#loads.get(id)!;
  }

  /** Load ÷ weight, were it all even. */
  mean(): number {
    return [...this.#load.values()].reduce((sum, [load]) => sum + load, 0) / this.#weight;
  }

  /** What must be copied for such a move, less what need not be any more; never nothing, so that it can be divided by. */
  toCopy(piece: Piece, from: string, to: string): number {
    const lacks = (id: string) => (piece.held.has(id) ? 0 : piece.bytes - (piece.has?.get(id) ?? 0));
    return Math.max(1e-6 * piece.bytes, lacks(to) - lacks(from), Number.MIN_VALUE);
  }

  /** By how much less a bin exceeds the limit, in load and in heat, once this is gone from it. */
  relief(bin: Bin, loads: Loads, limit: number): number {
    return this.excess(bin, limit) - this.excess(bin, limit, loads);
  }

  /** How much a bin bears above the limit, in load and in heat. @param gone less this */
  excess(bin: Bin, limit: number, gone: Loads = nothing): number {
    const now = this.#load.get(bin.id)!;
    const above = (at: 0 | 1) => Math.max(0, now[at] - gone[at] - limit * bin.weight);
    return above(0) + above(1);
  }

  /** How much Σ load² ÷ weight falls. */
  gain(loads: Loads, from: Bin, to: Bin): number {
    const before = this.#load.get(from.id)!;
    const after = this.#load.get(to.id)!;
    const of = (at: 0 | 1) =>
      (loads[at] * (2 * before[at] - loads[at])) / from.weight - (loads[at] * (2 * after[at] + loads[at])) / to.weight;
    return of(0) + of(1);
  }

  /** Load or heat ÷ weight, whichever is more. */
  relative(bin: Bin, [load, heat]: Loads = nothing): number {
    const now = this.#load.get(bin.id)!;
    return Math.max(now[0] + load, now[1] + heat) / bin.weight;
  }

  leastLoaded(bins: readonly Bin[], piece: Piece): Bin {
    const more = this.#loads.get(piece.id)!;
    return bins.toSorted(
      (a, b) => this.relative(a, more) - this.relative(b, more) || this.order.get(a.id)! - this.order.get(b.id)!,
    )[0]!;
  }

  holders({ id }: Piece): Bin[] {
    return [...this.on.get(id)!]
      .map((bin) => this.bins.get(bin)!)
      .toSorted((a, b) => this.order.get(a.id)! - this.order.get(b.id)!);
  }

  free({ id }: Piece): Bin[] {
    const on = this.on.get(id)!;
    return [...this.bins.values()].filter((bin) => !on.has(bin.id) && !bin.closed);
  }

  /** Copies by zone. */
  zones(piece: Piece): Map<string, number> {
    const zones = new Map<string, number>();
    for (const bin of this.holders(piece)) zones.set(zoneOf(bin), (zones.get(zoneOf(bin)) ?? 0) + 1);
    return zones;
  }

  /** Whether the limits have room for this change: what is copied counts, not what is dropped. */
  allows(piece: Piece, from: string | undefined, to: string): boolean {
    const copies = (piece.held.has(to) ? 0 : 1) - (from !== undefined && !piece.held.has(from) ? 1 : 0);
    return (
      copies <= 0 ||
      (this.#moves + copies <= this.#limits.maxMoves && this.#bytes + copies * piece.bytes <= this.#limits.maxBytes)
    );
  }

  put(piece: Piece, to: string): void {
    this.#share(piece, to, 1);
    this.on.get(piece.id)!.add(to);
    this.#add(to, piece, 1);
    if (!piece.held.has(to)) this.#charge(piece, 1);
  }

  take(piece: Piece, from: string): void {
    this.on.get(piece.id)!.delete(from);
    this.#share(piece, from, -1);
    this.#add(from, piece, -1);
    if (!piece.held.has(from)) this.#charge(piece, -1);
  }

  /** Load of what a bin holds together with the holders of a piece: what would be theirs, were it lost, and the other way round. */
  sharedWith(piece: Piece, bin: string): number {
    let sum = 0;
    for (const other of this.on.get(piece.id)!) sum += this.#shared.get(pairOf(bin, other)) ?? 0;
    return sum;
  }

  #share({ id, load }: Piece, bin: string, times: number): void {
    for (const other of this.on.get(id)!) {
      const pair = pairOf(bin, other);
      this.#shared.set(pair, (this.#shared.get(pair) ?? 0) + times * load);
    }
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

/** Whether a copy may go from the one to the other: never from a zone of its own into one that has another copy. */
export function keepsZones(zones: ReadonlyMap<string, number>, from: Bin, to: Bin): boolean {
  return !(zones.has(zoneOf(to)) && zoneOf(to) !== zoneOf(from) && zones.get(zoneOf(from)) === 1);
}

/** A node without a zone is one of its own. */
export function zoneOf({ id, zone }: Bin): string {
  return zone === undefined ? `node ${id}` : `zone ${zone}`;
}

function pairOf(a: string, b: string): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`;
}
