/**
 * A request to a node that has taken this part of the whole operation's time is slow: others are asked in its place. It is not given
 * up: it may still be the first to answer.
 */
export const slowPart = 0.4;

/** An answer that took this part of the time says that its node has more to do than it can. */
export const latePart = 0.2;

/** A write to a node that has answered nothing for this part of the time asks for its health: a node that hangs must not make everybody wait. */
export const silentPart = 0.2;

export type Silence = "slow" | "silent";

/**
 * What a node's slowness says of the node. One that has answered anything since the request was sent is slow, which the balancer
 * knows already; one that has not is silent, and may hang: its health says which.
 */
export function judgeSilence(sentUs: number, lastAnswerUs: number): Silence {
  return lastAnswerUs > sentUs ? "slow" : "silent";
}
