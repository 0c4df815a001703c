import type { Clock, Rng } from "../runtime.ts";
import { TransportError, type HttpAnswer, type NodePool, type PreparedRequest } from "./contract.ts";

export interface RetryPolicy {
  /** Sends in all, the first one included. */
  attempts: number;
  /** The wait before the second send is at most this; it doubles from there. */
  baseMs: number;
  maxMs: number;
}
export const defaultRetryPolicy: RetryPolicy = { attempts: 3, baseMs: 50, maxMs: 1_000 };

export interface RetryOptions {
  timeoutMs: number;
  signal?: AbortSignal;
  policy?: RetryPolicy;
  clock: Pick<Clock, "sleep">;
  rng: Rng;
  /** Whether an answer is worth another try, and how long the server asked to wait; absent: answers never are. */
  again?: (answer: HttpAnswer) => { retryAfterMs?: number } | undefined;
}

/**
 * "Full jitter": uniform in [0, min(max, base × 2^(retry − 1))], never below what the server asked for, so that clients that
 * failed together do not come back together.
 * @param retry 1 before the second send
 * @param uniform in [0, 1)
 */
export function backoffMs(retry: number, { baseMs, maxMs }: RetryPolicy, uniform: number, retryAfterMs = 0): number {
  return Math.max(retryAfterMs, uniform * Math.min(maxMs, baseMs * 2 ** (retry - 1)));
}

/**
 * Sends a read, and again after a failure, to the next pool each time (the replicas that may answer it; one of them is enough).
 * An abort is final, and so is the last answer or error.
 * @throws TransportError; TypeError for a write, which may have landed although it was not answered (ROUTING.md)
 */
export async function sendRead(
  pools: readonly [NodePool, ...NodePool[]],
  request: PreparedRequest,
  options: RetryOptions,
): Promise<HttpAnswer> {
  if (request.kind !== "read") throw new TypeError(`${request.method} ${request.path} is a write: it is never sent twice`);
  const { policy = defaultRetryPolicy, timeoutMs, signal, clock, rng, again } = options;
  for (let sends = 1; ; sends++) {
    const last = sends >= policy.attempts;
    let retryAfterMs: number | undefined;
    try {
      const answer = await pools[(sends - 1) % pools.length]!.send(request, { timeoutMs, ...(signal && { signal }) });
      const wish = last ? undefined : again?.(answer);
      if (!wish) return answer;
      retryAfterMs = wish.retryAfterMs;
    } catch (error) {
      const final = last || !(error instanceof TransportError) || error.failure === "aborted" || error.failure === "closed";
      if (final) throw error;
    }
    await clock.sleep(backoffMs(sends, policy, rng(), retryAfterMs), signal);
  }
}
