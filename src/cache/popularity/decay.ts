/**
 * Forward decay (Cormode, Shkapenyuk, Srivastava, Xu 2009): instead of all counts shrinking, later ones weigh more, 2^((now − landmark) / half-life); what is read is divided by the weight
 * of now. Beyond 2^100 the landmark moves on, long before a double overflows.
 */
export const largestExponent = 100;

/** The weight of one count now. */
export function weightAt(nowMs: number, landmarkMs: number, halfLifeMs: number): number {
  return 2 ** ((nowMs - landmarkMs) / halfLifeMs);
}
