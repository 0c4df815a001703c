import type { Rng } from "../runtime.ts";

/** Linux: the least retransmission timeout, and the first one of a connection that is being opened (RFC 6298). */
const minTimeoutMs = 200;
const synTimeoutMs = 1_000;
/** Doublings until it stays as it is: 12.8 s, long after any client has given up. */
const maxDoublings = 6;

/**
 * What the loss of a segment does to a stream: a proxy sees bytes, not segments, and cannot leave some out. With this probability a
 * piece waits for a retransmission timeout of 200 ms, which doubles for as long as the retransmission is lost too; all that
 * follows waits behind it. Fast retransmission, which long transfers would get, is not modelled.
 * @param lossRatio [0, 1]
 */
export function lossStallMs(lossRatio: number, rng: Rng): number {
  return stall(lossRatio, minTimeoutMs, rng);
}

/** The same of the first packet of a connection. */
export function connectStallMs(lossRatio: number, rng: Rng): number {
  return stall(lossRatio, synTimeoutMs, rng);
}

function stall(lossRatio: number, firstMs: number, rng: Rng): number {
  let stallMs = 0;
  for (let lost = 0; lost <= maxDoublings && rng() < lossRatio; lost++) stallMs += firstMs * 2 ** lost;
  return stallMs;
}
