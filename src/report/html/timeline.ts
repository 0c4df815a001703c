/** What happened to the system while it was measured, as a journal holds it. */
export interface ReportEvent {
  /** Milliseconds since the measurement began; negative before. */
  atMs: number;
  kind: string;
  name: string;
  phase: "start" | "end";
  detail?: unknown;
}

/** A stretch of the run in which something was going on; an instant where `to` equals `from`. Seconds since the measurement began. */
export interface Band {
  from: number;
  to: number;
  label: string;
  kind: string;
}

/** The run's own phases are no news on its own timeline. */
const own = new Set(["warm-up", "measure"]);

/**
 * Starts and ends, paired in their order by kind and name. What never ended lasts to the end of the run; an end without a
 * start began before it. Bands outside the run are left out.
 */
export function bandsOf(events: readonly ReportEvent[], seconds: number): Band[] {
  const open = new Map<string, { from: number; event: ReportEvent }[]>();
  const bands: Band[] = [];
  const put = (event: ReportEvent, from: number, to: number) => {
    if (to < 0 || from > seconds) return;
    bands.push({ from: Math.max(0, from), to: Math.min(seconds, to), label: event.name, kind: event.kind });
  };
  for (const event of events.toSorted((a, b) => a.atMs - b.atMs)) {
    if (event.kind === "load" && own.has(event.name)) continue;
    const key = `${event.kind}\n${event.name}`;
    const at = event.atMs / 1000;
    if (event.phase === "start") open.set(key, [...(open.get(key) ?? []), { from: at, event }]);
    else put(event, open.get(key)?.shift()?.from ?? 0, at);
  }
  for (const { from, event } of [...open.values()].flat()) put(event, from, event.kind === "note" ? from : seconds);
  return bands.toSorted((a, b) => a.from - b.from);
}
