/** One period of a core's burner: short enough that no average over a second shows it. */
export const periodMs = 100;

/**
 * How long to spin and then to rest, so that a core is busy for its share of each period. Pure.
 * @param share of this core, [0, 1]
 * @param offsetMs since the period began
 */
export function dutyOf(share: number, offsetMs: number): { spinMs: number; restMs: number } {
  const busyMs = Math.min(1, Math.max(0, share)) * periodMs;
  const spinMs = Math.max(0, busyMs - offsetMs);
  return { spinMs, restMs: Math.max(0, periodMs - Math.max(offsetMs, busyMs)) };
}
