import type { Weigh } from "../movement.ts";
import type { Segment } from "../segments.ts";

/**
 * Weighs stretches by what was counted in parts of the positions, evenly spread within each part.
 * @param parts ascending, disjoint; what lies between them weighs nothing
 */
export function weighParts(parts: readonly { lo: number; hi: number; amount: number }[]): Weigh | undefined {
  const total = parts.reduce((sum, { amount }) => sum + amount, 0);
  if (!(total > 0)) return undefined;
  const upTo = new Float64Array(parts.length + 1);
  for (const [index, { amount }] of parts.entries()) upTo[index + 1] = upTo[index]! + amount / total;
  const below = (position: number): number => {
    let low = 0;
    let high = parts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (parts[middle]!.lo <= position) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return 0;
    const { lo, hi } = parts[low - 1]!;
    const within = Math.min(1, (position - lo) / (hi - lo));
    return upTo[low - 1]! + (upTo[low]! - upTo[low - 1]!) * within;
  };
  return (lo, hi) => below(hi) - below(lo);
}

/** Weighs stretches by how many of these positions (of a log of keys) lie in them. */
export function weighPositions(positions: readonly number[]): Weigh | undefined {
  if (positions.length === 0) return undefined;
  const sorted = Float64Array.from(positions).sort();
  const below = (position: number): number => {
    let low = 0;
    let high = sorted.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (sorted[middle]! < position) low = middle + 1;
      else high = middle;
    }
    return low / sorted.length;
  };
  return (lo, hi) => below(hi) - below(lo);
}

/**
 * Weighs stretches by what each owner was measured to bear, spread evenly over what it owns: for counters that know nodes and not keys.
 * @param borne of any unit, by node
 */
export function weighOwners(segments: readonly Segment[], borne: ReadonlyMap<string, number>): Weigh | undefined {
  const owned = new Map<string, number>();
  for (const { owners, share } of segments) for (const id of owners) owned.set(id, (owned.get(id) ?? 0) + share);
  return weighParts(
    segments.map(({ lo, hi, owners, share }) => ({
      lo,
      hi,
      amount: owners.reduce((sum, id) => sum + ((borne.get(id) ?? 0) * share) / owned.get(id)!, 0),
    })),
  );
}
