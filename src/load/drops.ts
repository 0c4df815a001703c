import type { DropCause } from "./contract.ts";

/** Above this share of time outside epoll, the worker's own loop is what answers wait for. */
const saturatedLoop = 0.95;
/** With no latency threshold to say what slow means. */
const defaultSlowUs = 1_000_000;

export interface InFlightState {
  /** How late this operation already is. */
  lagUs: number;
  /** Share of the last moments that the worker's event loop was busy, 0 to 1. */
  loopBusy: number;
  /** Ages of what is in flight, since dispatch: the median. */
  medianAgeUs: number;
  /** What counts as slow: see `slowUs`. */
  slowUs: number;
}

/**
 * Who is to blame that an operation met a full house. The generator, when it was late itself or too busy to read answers, or when
 * what is in flight is younger than anything the user would call slow (then the cap is too low); else the target.
 */
export function blameFullHouse({ lagUs, loopBusy, medianAgeUs, slowUs }: InFlightState): DropCause {
  if (loopBusy >= saturatedLoop || lagUs > slowUs) return "in-flight-generator";
  return medianAgeUs >= slowUs ? "in-flight-target" : "in-flight-generator";
}

/** The lowest limit of the latency thresholds, in µs: slower than that is slow by the user's own word. */
export function slowUsOf(latencyLimitsUs: readonly number[]): number {
  return Math.min(defaultSlowUs, ...latencyLimitsUs);
}
