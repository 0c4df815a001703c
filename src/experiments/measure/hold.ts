/** Whether the thresholds hold in the stretch that begins at `atMs` and is as long as the steady state's window. */
export interface Judged {
  atMs: number;
  ok: boolean;
}

/**
 * The first moment from `fromMs` on from which they hold in every stretch that begins before `untilMs`. A moment within a second that is good counts from
 * itself: a threshold that was never broken has a recovery time of nothing.
 * @param judged one a second, in order of time
 * @returns undefined where the last stretch before `untilMs` is bad, or there is none
 */
export function holdsFrom(judged: readonly Judged[], fromMs: number, untilMs: number, secondMs = 1000): number | undefined {
  const within = judged.filter(({ atMs }) => atMs + secondMs > fromMs && atMs < untilMs);
  if (within.length === 0) return undefined;
  const lastBad = within.findLastIndex(({ ok }) => !ok);
  if (lastBad === within.length - 1) return undefined;
  return lastBad === -1 ? fromMs : Math.max(fromMs, within[lastBad + 1]!.atMs);
}

/**
 * When a fault was recovered from: the first moment after it from which the thresholds hold until the next fault, or until the end. Where they did not hold
 * again before the next one came, the search goes on behind that one.
 * @param laterMs when later faults began, in order
 * @param windowMs length of the stretches: one that reaches into the next fault says nothing of this one
 */
export function recoveredAt(
  judged: readonly Judged[],
  injectedMs: number,
  laterMs: readonly number[],
  endMs: number,
  windowMs: number,
): number | undefined {
  let fromMs = injectedMs;
  for (const boundMs of [...laterMs.filter((atMs) => atMs > injectedMs), endMs]) {
    const atMs = holdsFrom(judged, fromMs, boundMs - windowMs + 1);
    if (atMs !== undefined) return atMs;
    fromMs = boundMs;
  }
  return undefined;
}

/**
 * When operations went well again although the fault lasted: the first moment after it from which the thresholds hold in every stretch that had ended when it
 * was healed (at least in the one that began with it).
 * @returns undefined where they did not hold when it was healed
 */
export function failedOverAt(
  judged: readonly Judged[],
  injectedMs: number,
  healedMs: number,
  windowMs: number,
): number | undefined {
  return holdsFrom(judged, injectedMs, Math.max(injectedMs, healedMs - windowMs) + 1);
}
