/** How often one query is tried: with the waits below, for about half a minute, so that a fail-over is outlasted. */
export const mostAttempts = 10;

/**
 * How long to wait before a query is tried again, ms: 0.2 s, doubled each time, 5 s at most, and spread by a quarter.
 * @param attempt that failed, from 1
 * @param chance uniform in [0, 1)
 */
export function retryAfterMs(attempt: number, chance: number): number {
  return Math.min(5000, 200 * 2 ** (attempt - 1)) * (0.75 + 0.5 * chance);
}
