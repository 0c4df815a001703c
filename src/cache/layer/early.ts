/**
 * Whether a value is computed anew before it ends: XFetch (Vattani, Chierichetti, Lowenstein 2015), by which each who reads it decides for itself, the sooner the longer computing took and the
 * nearer its end, so that somebody refreshes it before all miss at once.
 * @param beta above 1 earlier, 0 never
 * @param random in [0, 1)
 */
export function refreshesEarly(
  { nowMs, expiresAtMs, computeMs }: { nowMs: number; expiresAtMs: number; computeMs: number },
  beta: number,
  random: number,
): boolean {
  if (beta === 0 || expiresAtMs === 0) return false;
  // 1 − random is never zero, whose logarithm would be infinite.
  return nowMs - computeMs * beta * Math.log(1 - random) >= expiresAtMs;
}
