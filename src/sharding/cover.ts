import type { CoverSet } from "./owners.ts";

/** How many serving owners of each point a read asks. Where fewer serve, all that do are asked: each of them has every acknowledged write. */
export type ReadLevel = "one" | "quorum" | "all";

export function ownersToAsk(level: ReadLevel, replicas: number): number {
  return level === "one" ? 1 : level === "all" ? replicas : Math.floor(replicas / 2) + 1;
}

export interface CoverRequest {
  covers: readonly CoverSet[];
  /** Serving owners of each point that must be asked. */
  q: number;
  /** Nodes that must not be asked (an open breaker). */
  unavailable: readonly number[];
  /** Nodes in the order in which they would best be left out. */
  worstFirst: readonly number[];
  /** Nodes left out at most: replicas − q on a ring, where more is never possible anyway. */
  maxLeftOut: number;
}

export interface Cover {
  /** Nodes to ask, ascending. */
  ask: readonly number[];
  /** The share of positions that has serving owners, none of which may be asked. */
  missingShare: number;
}

/**
 * Which nodes to ask so that each position has `q` of its serving owners asked (all that are available, where those are
 * fewer), leaving out the worst ones first. Greedy and deterministic.
 */
export function chooseCover({ covers, q, unavailable, worstFirst, maxLeftOut }: CoverRequest): Cover {
  const asked = new Set<number>();
  for (const { read } of covers) for (const node of read) asked.add(node);
  let leftOut = 0;
  for (const node of unavailable) if (asked.delete(node)) leftOut++;
  // How many of each set's asked owners could still be spared.
  const spare = covers.map(({ read }) => read.filter((node) => asked.has(node)).length - q);
  for (const node of worstFirst) {
    if (leftOut >= maxLeftOut) break;
    if (!asked.has(node)) continue;
    const holding = covers.flatMap(({ read }, index) => (read.includes(node) ? [index] : []));
    if (holding.some((index) => spare[index]! <= 0)) continue;
    for (const index of holding) spare[index]!--;
    asked.delete(node);
    leftOut++;
  }
  return { ask: [...asked].sort((a, b) => a - b), missingShare: missingShare(covers, (node) => asked.has(node)) };
}

/** The share of positions none of whose serving owners satisfies `answered`; exact, from the arcs. */
export function missingShare(covers: readonly CoverSet[], answered: (node: number) => boolean): number {
  let missing = 0;
  for (const { read, share } of covers) if (!read.some(answered)) missing += share;
  return Math.min(1, missing);
}

/**
 * Who else to ask once `failed` has not answered: for each position that now has fewer than `q` owners asked with hope, the
 * best serving owner that was not asked yet.
 * @param hopeful asked, and not failed so far
 * @param candidates nodes that were not asked yet and may be, best first
 */
export function substitutes(
  covers: readonly CoverSet[],
  failed: number,
  q: number,
  hopeful: (node: number) => boolean,
  candidates: readonly number[],
): number[] {
  return fillUp(
    covers.filter(({ read }) => read.includes(failed)),
    q,
    hopeful,
    candidates,
  );
}

/**
 * Who else to ask so that each position has `q` owners asked, as far as the candidates reach.
 * @param has asked already, with hope
 * @param candidates nodes that were not asked yet and may be, best first
 */
export function fillUp(
  covers: readonly CoverSet[],
  q: number,
  has: (node: number) => boolean,
  candidates: readonly number[],
): number[] {
  const chosen: number[] = [];
  if (candidates.length === 0) return chosen;
  for (const { read } of covers) {
    let have = 0;
    for (const node of read) if (has(node) || chosen.includes(node)) have++;
    for (const node of candidates) {
      if (have >= q) break;
      if (!read.includes(node) || chosen.includes(node)) continue;
      chosen.push(node);
      have++;
    }
  }
  return chosen;
}

/** The share of positions of whose serving owners some, but fewer than `q`, satisfy `answered`; exact, from the arcs. */
export function belowShare(covers: readonly CoverSet[], q: number, answered: (node: number) => boolean): number {
  let below = 0;
  for (const { read, share } of covers) {
    let have = 0;
    for (const node of read) if (answered(node)) have++;
    if (have > 0 && have < q) below += share;
  }
  return Math.min(1, below);
}
