import { createRing } from "../ring.ts";
import { zoneNumbers } from "../ring-walk.ts";
import type { Member } from "../segments.ts";
import { defaultVirtualNodes, type HashName } from "../table.ts";
import { assign, type Bin, type Piece } from "./assignment.ts";

/** What a node may bear above the mean before cells are moved off it, unless told otherwise. */
export const defaultTolerance = 0.1;

/** From nothing as even as this: what is finer undoes how replicas are spread, and the next points that are written undo it anyway. */
const freshTolerance = 0.02;

/** Of the mean: by so much less must the most loaded node bear for cells that are placed to be placed anew. */
const restartGain = 0.25;

export interface CellPlacing {
  members: readonly Member[];
  replicas: number;
  /** Of the collection: how cells would be placed by their numbers. */
  hash: HashName;
  /** Points of each cell, of any unit. */
  sizes: readonly number[];
  /** How often each is asked for, where that is known: evened out beside the sizes. */
  heat?: readonly number[];
  /** Who owns each now: it stays, unless moving it is needed. */
  now?: readonly (readonly string[])[];
  /** From other cells: points of each that each node holds already, in the unit of the sizes. A cell begins where the most of it is. */
  here?: readonly ReadonlyMap<string, number>[];
  /** Members that are to get nothing. */
  closed?: ReadonlySet<string>;
  tolerance?: number;
}

/**
 * Owners of each cell, the primary first, so that no node bears more than (1 + tolerance) × the mean of points (and of heat), as far as whole
 * cells allow: on distinct nodes, and on as many zones as there are. Longest first from nothing; from what is there with as little moved as
 * can be. From nothing, never less even than cells placed by the hashes of their numbers. Pure and deterministic; `loadHashes()` must have been awaited.
 */
export function placeCells(placing: CellPlacing): string[][] {
  const { members, replicas, now, here, tolerance = defaultTolerance } = placing;
  const bins = binsOf(placing, placing.closed);
  const known = new Set(members.map(({ id }) => id));
  const kept = now?.map((owners) => owners.filter((id) => known.has(id)));
  const pieces = piecesOf(placing, kept);
  const limits = { maxMoves: Infinity, maxBytes: Infinity };
  const from = (start: readonly (readonly string[])[] | undefined, stop: number) => {
    const startAt = new Map(pieces.map(({ id }) => [id, new Set(start?.[id] ?? [])]));
    const { on, short } = assign(pieces, bins, startAt, limits, { tolerance: stop });
    if (short.length === 0) return on;
    // Too few are open: that somebody closed must be written to is for the caller to refuse.
    return assign(pieces, binsOf(placing, undefined), startAt, limits, { tolerance: stop }).on;
  };
  const begun = kept ?? here?.map((points) => nearest(points, members, replicas));
  const first = begun ? from(begun, tolerance) : from(undefined, freshTolerance);
  let best = { on: first, worst: pressureOf(first, placing) };
  // What is there is not turned upside down for a little.
  const worthIt = begun ? restartGain : 1e-9;
  if (best.worst > (1 + tolerance) * (1 + 1e-9) && !placing.closed?.size) {
    for (const on of [from(undefined, freshTolerance), from(hashedCells(pieces.length, placing), tolerance)]) {
      const worst = pressureOf(on, placing);
      if (worst < best.worst - worthIt) best = { on, worst };
    }
  }
  return pieces.map(({ id }) =>
    inOrder([...best.on.get(id)!], id, { order: members.map((member) => member.id), was: now?.[id] }),
  );
}

/** Owners of cells that are placed by the hashes of their numbers. */
export function hashedCells(
  cells: number,
  { members, replicas, hash }: Pick<CellPlacing, "members" | "replicas" | "hash">,
): string[][] {
  const ring = createRing({ kind: "ring", virtualNodes: defaultVirtualNodes, hash }, members, replicas);
  return Array.from({ length: cells }, (_, cell) => ring.ownersOfKey(String(cell)).slice());
}

/** The most that a node bears, of points or of heat, relative to what it should by its weight. */
export function cellPressure(owners: readonly (readonly string[])[], placing: CellPlacing): number {
  return pressureOf(new Map(owners.map((ids, cell) => [cell, ids])), placing);
}

function pressureOf(on: ReadonlyMap<number, Iterable<string>>, { members, sizes, heat }: CellPlacing): number {
  const weight = members.reduce((sum, member) => sum + (member.weight ?? 1), 0);
  const worstOf = (amounts: readonly number[]) => {
    const borne = new Map(members.map(({ id }) => [id, 0]));
    let total = 0;
    for (const [cell, ids] of on)
      for (const id of ids) {
        borne.set(id, borne.get(id)! + amounts[cell]!);
        total += amounts[cell]!;
      }
    return total > 0 ? Math.max(...members.map(({ id, weight: own = 1 }) => borne.get(id)! / total / (own / weight))) : 0;
  };
  return Math.max(worstOf(sizes), heat ? worstOf(heat) : 0);
}

function binsOf({ members }: CellPlacing, closed: CellPlacing["closed"]): Bin[] {
  return members.map(({ id, weight = 1, zone }): Bin => {
    const bin: Bin = { id, weight, fixed: 0, closed: closed?.has(id) ?? false };
    if (zone !== undefined) bin.zone = zone;
    return bin;
  });
}

function piecesOf({ sizes, heat, here, replicas }: CellPlacing, kept: CellPlacing["now"]): Piece[] {
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const shareOf = (points: number) => (total > 0 ? points / total : 0);
  // Empty ones are spread, too.
  const least = 1e-6 / sizes.length;
  return sizes.map((size, id): Piece => {
    const has = here?.[id];
    return {
      id,
      load: shareOf(size) + least,
      bytes: shareOf(size) + least,
      copies: replicas,
      held: new Set(kept?.[id] ?? []),
      ...(heat && { heat: heat[id]! }),
      ...(has && { has: new Map([...has].map(([node, points]) => [node, shareOf(points)])) }),
    };
  });
}

/** The nodes that hold the most of a cell, one a zone where there are enough. */
function nearest(points: ReadonlyMap<string, number>, members: readonly Member[], replicas: number): string[] {
  const zones = zoneNumbers(members);
  const order = [...members.keys()].sort(
    (a, b) => (points.get(members[b]!.id) ?? 0) - (points.get(members[a]!.id) ?? 0) || a - b,
  );
  const seen = new Set<number>();
  const fresh = order.filter((at) => !seen.has(zones[at]!) && seen.add(zones[at]!));
  const rest = order.filter((at) => !fresh.includes(at));
  return [...fresh, ...rest].slice(0, replicas).map((at) => members[at]!.id);
}

/** As they were, who comes in the place of who goes; else in the order of the members, begun at another one for each cell. */
function inOrder(
  owners: string[],
  cell: number,
  { order, was }: { order: readonly string[]; was: readonly string[] | undefined },
): string[] {
  const listed = order.filter((id) => owners.includes(id));
  if (!was?.length) return listed.map((_, at) => listed[(at + cell) % listed.length]!);
  const come = listed.filter((id) => !was.includes(id));
  const replaced = was.flatMap((id) => (owners.includes(id) ? [id] : come.splice(0, 1)));
  return [...replaced, ...come];
}
