/** What a watchdog, or a later start, sees of a record's owner. */
export interface LeaseObservation {
  hold: boolean;
  ttlMs: number;
  ownerAlive: boolean;
  /** Wall clock, ms: now, and when the owner last renewed. */
  nowMs: number;
  renewedAtMs: number;
  /** Since this observer last saw the renewal move, on its own monotonic clock; 0 for one that has only just looked. */
  unchangedForMs: number;
}

export type LeaseState = "held" | "owned" | "owner-dead" | "lapsed";

/**
 * Whether a fault still has someone who answers for it. The wall clock alone would let a fault outlive its lease when it is set
 * back, so an observer that has been watching also counts on its own clock.
 */
export function leaseState(observation: LeaseObservation): LeaseState {
  const { hold, ttlMs, ownerAlive, nowMs, renewedAtMs, unchangedForMs } = observation;
  if (hold) return "held";
  if (!ownerAlive) return "owner-dead";
  return nowMs - renewedAtMs > ttlMs || unchangedForMs > ttlMs ? "lapsed" : "owned";
}
