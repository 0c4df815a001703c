/** What a second brought, ms after the measurement began. */
export interface Second {
  atMs: number;
  lengthMs: number;
  scheduled: number;
  ok: number;
}

export interface Availability {
  /** Share of what was due that was ok; 1 where nothing was due. */
  share: number;
  scheduled: number;
  notOk: number;
}

/** Of the seconds that begin within [from, to). */
export function availabilityOf(
  seconds: readonly Second[],
  fromMs = Number.NEGATIVE_INFINITY,
  toMs = Number.POSITIVE_INFINITY,
): Availability {
  let scheduled = 0;
  let ok = 0;
  for (const second of seconds)
    if (second.atMs >= fromMs && second.atMs < toMs) {
      scheduled += second.scheduled;
      ok += second.ok;
    }
  return { share: scheduled === 0 ? 1 : ok / scheduled, scheduled, notOk: scheduled - ok };
}
