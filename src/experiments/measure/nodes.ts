import type { Span } from "./react.ts";

/** What was asked of nodes in a second. */
export interface RequestsSecond {
  atMs: number;
  requests: Readonly<Record<string, number>>;
}

export interface NodeFigures {
  node: string;
  breakerOpened: number;
  breakerOpenMs: number;
  staleMs: number;
  silentMs: number;
  hedges: number;
  requestShare: { before: number | null; during: number | null; after: number | null };
}

/** Stretches of the experiment: [from, to). */
export interface Ranges {
  before: readonly [number, number];
  during: readonly [number, number];
  after: readonly [number, number];
}

/** What balancer and breakers did about each node. @param endMs when what never ended is taken to end */
export function nodeFigures(
  nodes: readonly string[],
  spans: readonly Span[],
  seconds: readonly RequestsSecond[],
  ranges: Ranges,
  endMs: number,
): NodeFigures[] {
  return nodes.map((node) => {
    const own = spans.filter((span) => span.node === node);
    const of = (kind: string) => own.filter((span) => span.kind === kind);
    const share = (range: readonly [number, number]) => requestShare(node, seconds, range);
    return {
      node,
      breakerOpened: of("breaker").length,
      breakerOpenMs: longestOfClients(of("breaker"), endMs),
      staleMs: longestOfClients(of("stale"), endMs),
      silentMs: longestOfClients(of("silent"), endMs),
      hedges: of("hedge").reduce((sum, { detail }) => sum + ((detail as { count?: number } | undefined)?.count ?? 1), 0),
      requestShare: { before: share(ranges.before), during: share(ranges.during), after: share(ranges.after) },
    };
  });
}

/** Clients see the same trouble: that of the one which saw it longest. */
function longestOfClients(spans: readonly Span[], endMs: number): number {
  const byClient = Map.groupBy(spans, ({ client }) => client);
  const totals = [...byClient.values()].map((own) => own.reduce((sum, { fromMs, toMs }) => sum + ((toMs ?? endMs) - fromMs), 0));
  return Math.round(Math.max(0, ...totals));
}

function requestShare(
  node: string,
  seconds: readonly RequestsSecond[],
  [fromMs, toMs]: readonly [number, number],
): number | null {
  let own = 0;
  let all = 0;
  for (const { atMs, requests } of seconds)
    if (atMs >= fromMs && atMs < toMs) {
      own += requests[node] ?? 0;
      for (const count of Object.values(requests)) all += count;
    }
  return all === 0 ? null : own / all;
}
