import type { Amount } from "./contract.ts";

/** What copying is throttled to. */
export interface MaxRate {
  per: "points" | "bytes";
  perSec: number;
}

/** What the time is reckoned with unless told otherwise: a small part of what one store takes beside its searches. */
export const defaultMaxRate: MaxRate = { per: "points", perSec: 2_000 };

/** Beside the copying: announcing, draining, the pause, and waiting for every client each time, which renew once a second. */
const secondsPerStep = 2;

/** An estimate, steps one after the other. */
export function secondsAt(amount: Amount, steps: number, { per, perSec }: MaxRate): number {
  return Math.round(amount[per] / perSec + steps * secondsPerStep);
}

export function sumOf(steps: readonly Amount[]): Amount {
  return steps.reduce((total, { points, bytes }) => ({ points: total.points + points, bytes: total.bytes + bytes }), {
    points: 0,
    bytes: 0,
  });
}
