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

/** What one node went through, as clients saw it. */
export interface Lane {
  node: string;
  /** By kind: the stretches of all clients together. */
  stretches: Band[];
}

/** The run's own phases are no news on its own timeline. */
const own = new Set(["warm-up", "measure"]);
/** What clients tell of nodes has lanes of its own, and the phases of an experiment are around everything. */
const elsewhere = new Set(["breaker", "half-open", "silent", "stale", "quiet", "hedge", "experiment"]);
/** What a lane shows; others come and go with these. */
const laneKinds = new Set(["breaker", "half-open", "silent", "stale"]);

/**
 * Starts and ends, paired in their order by kind and name. What never ended lasts to the end of the run; an end without a
 * start began before it. Bands outside the run are left out. A fault is called by whom it hit.
 */
export function bandsOf(events: readonly ReportEvent[], seconds: number): Band[] {
  const shown = events.filter(({ kind, name }) => !(kind === "load" && own.has(name)) && !elsewhere.has(kind));
  return paired(shown, seconds, ({ kind, name }) => `${kind}\n${name}`);
}

/** The nodes of which clients had something to tell, by name, with what it was. */
export function lanesOf(events: readonly ReportEvent[], seconds: number): Lane[] {
  const told = events.filter(({ kind }) => laneKinds.has(kind));
  const nodes = [...new Set(told.map(({ name }) => name))].toSorted((a, b) => a.localeCompare(b, "en", { numeric: true }));
  return nodes.map((node) => {
    const mine = told.filter(({ name }) => name === node);
    return { node, stretches: paired(mine, seconds, ({ kind, detail }) => `${kind}\n${clientOf(detail)}`) };
  });
}

function clientOf(detail: unknown): string {
  const { client = "", collection = "" } = (detail ?? {}) as { client?: string; collection?: string };
  return `${client}\n${collection}`;
}

function paired(events: readonly ReportEvent[], seconds: number, keyOf: (event: ReportEvent) => string): Band[] {
  const open = new Map<string, { from: number; event: ReportEvent }[]>();
  const bands: Band[] = [];
  const put = (event: ReportEvent, from: number, to: number) => {
    if (to < 0 || from > seconds) return;
    bands.push({ from: Math.max(0, from), to: Math.min(seconds, to), label: labelOf(event), kind: event.kind });
  };
  for (const event of events.toSorted((a, b) => a.atMs - b.atMs)) {
    const key = keyOf(event);
    const at = event.atMs / 1000;
    if (event.phase === "start") {
      open.set(key, [...(open.get(key) ?? []), { from: at, event }]);
      continue;
    }
    const begun = open.get(key)?.shift();
    put(begun?.event ?? event, begun?.from ?? 0, at);
  }
  for (const { from, event } of [...open.values()].flat()) put(event, from, event.kind === "note" ? from : seconds);
  return bands.toSorted((a, b) => a.from - b.from);
}

/** `kill-node n2`: a fault's event says on whom, where its name does not. */
function labelOf({ kind, name, detail }: ReportEvent): string {
  if (kind === "memory-only") return `memory only, without ${name}`;
  const targets = kind === "fault" ? (detail as { targets?: unknown } | undefined)?.targets : undefined;
  if (!Array.isArray(targets) || name.includes(" ")) return name;
  const nodes = [
    ...new Set(targets.flatMap((target: { node?: unknown } | null) => (typeof target?.node === "string" ? target.node : []))),
  ];
  return [name, nodes.join(", ")].filter(Boolean).join(" ");
}
