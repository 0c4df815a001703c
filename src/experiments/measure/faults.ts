import { recoveredAt, type Judged } from "./hold.ts";
import { detectMs, failoverMs, type NodeSecond, type Span } from "./react.ts";

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
  seconds: readonly { atMs: number; lengthMs: number; scheduled: number; ok: number; p99Us: number | null }[];
  nodeSeconds: ReadonlyMap<string, readonly NodeSecond[]>;
  spans: readonly Span[];
  /** Up to here stretches were judged. */
  endMs: number;
  /** Length of the stretches that were judged. */
  windowMs: number;
  /** Share of the operations that the steady state lets fail. */
  tolerated: number;
  /** Of a second's p99, as far as the steady state says; Infinity: not. */
  limitUs: number;
}

/** How the system took one of the faults. @param all of the experiment's, in order of time */
export function faultFigures(fault: Injected, all: readonly Injected[], observed: Observed): FaultFigures {
  const { judged, seconds, nodeSeconds, spans, endMs, windowMs, tolerated, limitUs } = observed;
  const { injectedMs, healedMs = endMs, nodes } = fault;
  const later = all.map((each) => each.injectedMs).filter((atMs) => atMs > injectedMs);
  const recovered = recoveredAt(judged, injectedMs, later, endMs, windowMs);
  return {
    detectMs: rounded(detectMs({ injectedMs, untilMs: healedMs, nodes }, spans, nodeSeconds)),
    failoverMs: rounded(failoverMs({ injectedMs, healedMs, tolerated, limitUs }, seconds)),
    recoverMs: recovered === undefined ? null : Math.round(recovered - injectedMs),
  };
}

function rounded(ms: number | null): number | null {
  return ms === null ? null : Math.round(ms);
}

/** The longest; null where one never came, or there is none. */
export function longest(values: readonly (number | null)[]): number | null {
  return values.length === 0 || values.includes(null) ? null : Math.max(...(values as number[]));
}
