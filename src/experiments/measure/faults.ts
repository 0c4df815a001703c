import { failedOverAt, recoveredAt, type Judged } from "./hold.ts";
import { detectMs, type NodeSecond, type Span } from "./react.ts";

/** A fault that was injected. Ms after the measurement began; `healedMs` undefined: it is not proven gone. */
export interface Injected {
  nodes: readonly string[];
  injectedMs: number;
  healedMs: number | undefined;
}

export interface FaultFigures {
  detectMs: number | null;
  failoverMs: number | null;
  recoverMs: number | null;
}

export interface Observed {
  judged: readonly Judged[];
  nodeSeconds: ReadonlyMap<string, readonly NodeSecond[]>;
  spans: readonly Span[];
  /** Up to here stretches were judged. */
  endMs: number;
  /** Length of the stretches that were judged. */
  windowMs: number;
}

/** How the system took one of the faults. @param all of the experiment's, in order of time */
export function faultFigures(fault: Injected, all: readonly Injected[], observed: Observed): FaultFigures {
  const { judged, nodeSeconds, spans, endMs, windowMs } = observed;
  const { injectedMs, healedMs = endMs, nodes } = fault;
  const later = all.map((each) => each.injectedMs).filter((atMs) => atMs > injectedMs);
  const after = (atMs: number | undefined) => rounded(atMs === undefined ? null : atMs - injectedMs);
  return {
    detectMs: rounded(detectMs({ injectedMs, untilMs: healedMs, nodes }, spans, nodeSeconds)),
    failoverMs: after(failedOverAt(judged, injectedMs, Math.min(healedMs, ...later), windowMs)),
    recoverMs: after(recoveredAt(judged, injectedMs, later, endMs, windowMs)),
  };
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms);
}

/** The longest; null where one never came, or there is none. */
export function longest(values: readonly (number | null)[]): number | null {
  return values.length === 0 || values.includes(null) ? null : Math.max(...(values as number[]));
}
