const firstMs = 250;
const capMs = 30_000;

/**
 * How long to wait before the next attempt, ms. Retry-After (seconds, or an HTTP date) is obeyed up to 30 s; without it
 * the wait doubles from 250 ms to 30 s. Jitter only adds, so that Retry-After is never undercut.
 * @param tried attempts so far, ≥ 1
 * @param jitter uniform in [0, 1): adds up to a quarter
 */
export function retryDelayMs(input: { tried: number; retryAfter?: string | undefined; nowMs: number; jitter: number }): number {
  const asked = input.retryAfter === undefined ? undefined : parseRetryAfterMs(input.retryAfter, input.nowMs);
  const base = asked ?? firstMs * 2 ** (input.tried - 1);
  return Math.min(base, capMs) * (1 + input.jitter / 4);
}

/** Milliseconds from now, or undefined where the header makes no sense. */
export function parseRetryAfterMs(header: string, nowMs: number): number | undefined {
  const text = header.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - nowMs);
}
