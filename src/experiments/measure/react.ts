/** A stretch in which a client had a node in some state: its breaker open, stale, left out. Ms after the measurement began; null: never ended. */
export interface Span {
  kind: string;
  node: string;
  client: string;
  fromMs: number;
  toMs: number | null;
  detail?: unknown;
}

interface ClientEvent {
  atMs: number;
  kind: string;
  name: string;
  phase: "start" | "end";
  detail?: unknown;
}

/** What clients tell of their nodes, apart from faults and steps. */
const clientKinds = ["breaker", "half-open", "silent", "stale", "quiet", "hedge", "memory-only"] as const;

/** Starts and ends of the clients' events, paired by kind, node, client and collection. */
export function spansOf(events: readonly ClientEvent[]): Span[] {
  const open = new Map<string, Span>();
  const spans: Span[] = [];
  for (const event of events.toSorted((a, b) => a.atMs - b.atMs)) {
    if (!(clientKinds as readonly string[]).includes(event.kind)) continue;
    const { client = "", collection = "" } = (event.detail ?? {}) as { client?: string; collection?: string };
    const key = [event.kind, event.name, client, collection].join("\n");
    const running = open.get(key);
    if (event.phase === "end" || running) {
      if (running) running.toMs = event.atMs;
      if (running && event.phase === "end" && event.kind === "hedge") running.detail = event.detail;
      open.delete(key);
    }
    if (event.phase === "end") continue;
    const span: Span = { kind: event.kind, node: event.name, client, fromMs: event.atMs, toMs: null, detail: event.detail };
    open.set(key, span);
    spans.push(span);
  }
  return spans;
}

/** A second of one node: what was asked of it, and how much of that failed. */
export interface NodeSecond {
  atMs: number;
  lengthMs: number;
  requests: number;
  errors: number;
}

/** Kinds by which a client shows that it knows of the fault. */
const knowing = new Set(["breaker", "silent", "stale", "quiet", "memory-only"]);

/**
 * From the injection until a client knew: its first such event about a node that was hit, else the end of the first second in which requests to it failed.
 * @returns null where nobody noticed before `untilMs`
 */
export function detectMs(
  { injectedMs, untilMs, nodes }: { injectedMs: number; untilMs: number; nodes: readonly string[] },
  spans: readonly Span[],
  nodeSeconds: ReadonlyMap<string, readonly NodeSecond[]>,
): number | null {
  const told = spans.filter(
    ({ kind, node, fromMs }) => knowing.has(kind) && nodes.includes(node) && fromMs >= injectedMs && fromMs < untilMs,
  );
  if (told.length > 0) return Math.min(...told.map(({ fromMs }) => fromMs)) - injectedMs;
  const failed = nodes.flatMap((node) =>
    (nodeSeconds.get(node) ?? []).filter(
      ({ atMs, lengthMs, errors }) => errors > 0 && atMs + lengthMs > injectedMs && atMs < untilMs,
    ),
  );
  return failed.length === 0 ? null : Math.max(0, Math.min(...failed.map(({ atMs, lengthMs }) => atMs + lengthMs)) - injectedMs);
}
