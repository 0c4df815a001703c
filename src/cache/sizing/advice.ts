/** A point of a hit-ratio curve. */
export interface HitPoint {
  size: number;
  hitRatio: number;
}

/**
 * The least size at which the hit ratio is reached, by bisection between the two points of the curve around it.
 * @param curve ascending in size
 * @param steps of the bisection: each asks for one more size
 * @returns undefined where even the largest falls short
 */
export function smallestSize(
  curve: readonly HitPoint[],
  hitRatio: number,
  hitRatioAt: (size: number) => number,
  steps: number,
): number | undefined {
  const index = curve.findIndex((point) => point.hitRatio >= hitRatio);
  if (index < 0) return undefined;
  let high = curve[index]!.size;
  // The curve's first point is the least size of which anything can be said.
  let low = index === 0 ? high : curve[index - 1]!.size;
  for (let step = 0; step < steps && high - low > 1; step++) {
    const middle = Math.floor((low + high) / 2);
    if (hitRatioAt(middle) >= hitRatio) high = middle;
    else low = middle;
  }
  return high;
}

/** The least size from which on no doubling adds as much as `gain` to the hit ratio. */
export function smallestWorth(curve: readonly HitPoint[], gain: number, hitRatioAt: (size: number) => number): HitPoint {
  const last = curve.findLastIndex(({ size, hitRatio }) => hitRatioAt(size * 2) - hitRatio >= gain);
  return curve[Math.min(last + 1, curve.length - 1)]!;
}

/**
 * The hit ratio between the points of a curve, along the logarithm of the size; beyond its last, that of the last.
 * @param nothing the hit ratio below its first point
 */
export function interpolator(curve: readonly HitPoint[], nothing: number): (size: number) => number {
  return (size) => {
    const index = curve.findIndex((point) => point.size >= size);
    if (index < 0) return curve.at(-1)!.hitRatio;
    const right = curve[index]!;
    const left = curve[index - 1];
    if (!left) return right.size === size ? right.hitRatio : nothing;
    const share = Math.log(size / left.size) / Math.log(right.size / left.size);
    return left.hitRatio + (right.hitRatio - left.hitRatio) * share;
  };
}

/** The knee: where the curve lies farthest above the straight line from nothing to its end (Satopää et al. 2011, "Kneedle", without its smoothing). */
export function kneeOf(curve: readonly HitPoint[]): HitPoint {
  const end = curve.at(-1)!;
  const above = ({ size, hitRatio }: HitPoint) => hitRatio / (end.hitRatio || 1) - size / end.size;
  return curve.reduce((best, point) => (above(point) > above(best) ? point : best));
}
