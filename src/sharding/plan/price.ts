import type { Amount } from "./contract.ts";

/** How fast points may be copied; whichever of the two is reached first. */
export interface MaxRate {
  pointsPerSec?: number;
  bytesPerSec?: number;
}

/** What copying is throttled to unless told otherwise: a small part of what one store takes beside its searches. */
export const defaultMaxRate: MaxRate = { pointsPerSec: 2_000 };

/** Beside the copying: announcing, draining, the pause, and waiting for every client each time, which renew once a second. */
const secondsPerStep = 3;

/** An estimate, steps one after the other. */
export function secondsAt({ points, bytes }: Amount, steps: number, { pointsPerSec, bytesPerSec }: MaxRate): number {
  const copying = Math.max(pointsPerSec ? points / pointsPerSec : 0, bytesPerSec ? bytes / bytesPerSec : 0);
  return Math.round(copying + steps * secondsPerStep);
}
