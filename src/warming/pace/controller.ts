import { rampFactor } from "../plan/duration.ts";

/** What the pacer may do. */
export interface PaceLimits {
  startPerSec: number;
  /** Never slower: how the store does is seen by asking it. */
  minPerSec: number;
  maxPerSec: number;
  /** False: the greatest rate from the start, whatever anybody says. */
  guard: boolean;
}

/** What a window of a quarter of a second brought. */
export interface Observed {
  /** Searches that ended well, by the store's own time. */
  searches: number;
  /** Of them, those that took longer than the latency objective, and than what is comfortable (a share of it). */
  overObjective: number;
  overComfort: number;
  /** Searches and stores that failed. */
  storeFailures: number;
  cacheFailures: number;
  stored: number;
  /** Keys that the cache evicted in the window, beyond what it did before warming began. */
  evicted: number;
}

export const objections = ["store-latency", "store-failing", "cache-failing", "cache-evicts"] as const;
export type Objection = (typeof objections)[number];

export interface PaceState {
  ratePerSec: number;
  /** Until something objects for the first time, the rate grows by a share of itself in each window, later by steps. */
  rampUp: boolean;
  /** The rate at which the store last was uncomfortable: near it, steps are small. */
  troublePerSec: number;
  /** Since then. */
  calmWindows: number;
  /** Windows that it stays where it is after it was cut. */
  holdWindows: number;
  /** Of the last window. */
  objection: Objection | undefined;
  /** Windows in a row in which the cache evicted as much as was stored: there is no room for more. */
  fullWindows: number;
  /** More would only push out what is there. */
  full: boolean;
}

/** Of the objective: what takes longer is a warning. */
export const comfort = 0.5;
/** After a cut by half the rate stays for a second and a half, so that what has queued up is answered. */
const holdAfterCut = 6;
const fullAfter = 8;
/** Ten seconds: what was too much then may have been somebody else's doing, and is tried again. */
const forgetAfter = 40;
/** Of the greatest rate: what is added in a calm window after the first objection, and near the rate of the last one. */
const step = 0.01;
const smallStep = 0.002;
/** What is near. */
const near = 0.8;

export function startPace({ guard, startPerSec, maxPerSec }: PaceLimits): PaceState {
  const ratePerSec = guard ? Math.min(startPerSec, maxPerSec) : maxPerSec;
  return {
    ratePerSec,
    rampUp: true,
    troublePerSec: Infinity,
    calmWindows: 0,
    holdWindows: 0,
    objection: undefined,
    fullWindows: 0,
    full: false,
  };
}

/**
 * The rate of the next window. Additive increase, multiplicative decrease: by half for what breaks the objective (more than one search in a hundred, and not a single one), for a store or
 * cache that fails, and for evictions; by an eighth for what is no longer comfortable (more than one in fifty, and than two), so that the objective need not break first.
 */
export function nextPace(state: PaceState, observed: Observed, limits: PaceLimits): PaceState {
  if (!limits.guard) return { ...state, objection: undefined };
  const objection = objectionTo(observed);
  const evictsAsMuch = observed.evicted > 0 && observed.evicted >= observed.stored / 2;
  const fullWindows = evictsAsMuch ? state.fullWindows + 1 : 0;
  const next = { ...state, objection, fullWindows, full: fullWindows >= fullAfter };
  const least = Math.min(limits.minPerSec, limits.maxPerSec);
  const within = (rate: number) => Math.min(limits.maxPerSec, Math.max(least, rate));
  // What failed and is back can take as much as before: nothing was learnt of what is too much.
  if (objection === "cache-failing" || objection === "store-failing") return { ...next, ...cut(state, within) };
  if (objection !== undefined) return { ...next, ...cut(state, within), rampUp: false, ...troubleAt(state) };
  if (observed.overComfort > Math.max(2, observed.searches / 50)) {
    const ratePerSec = within(state.ratePerSec * 0.875);
    return { ...next, ratePerSec, rampUp: false, holdWindows: Math.max(2, state.holdWindows), ...troubleAt(state) };
  }
  const calm = { ...next, calmWindows: state.calmWindows + 1 };
  if (state.holdWindows > 0) return { ...calm, holdWindows: state.holdWindows - 1 };
  // Nothing came back: nothing is known, and nothing allows more.
  if (observed.searches === 0 && observed.stored === 0) return next;
  if (state.rampUp) return { ...calm, ratePerSec: within(state.ratePerSec * rampFactor) };
  const troublePerSec = calm.calmWindows > forgetAfter ? Infinity : state.troublePerSec;
  const isNear = state.ratePerSec >= troublePerSec * near;
  return { ...calm, troublePerSec, ratePerSec: within(state.ratePerSec + limits.maxPerSec * (isNear ? smallStep : step)) };
}

/** By half; a cut takes some windows to show, and until then another one would be for the same reason. */
function cut(
  { ratePerSec, holdWindows }: PaceState,
  within: (rate: number) => number,
): Pick<PaceState, "ratePerSec" | "holdWindows"> {
  if (holdWindows > holdAfterCut - 2) return { ratePerSec, holdWindows: holdWindows - 1 };
  return { ratePerSec: within(ratePerSec / 2), holdWindows: holdAfterCut };
}

/** While it is being cut, the rate is no longer that of the trouble. */
function troubleAt({ ratePerSec, holdWindows, troublePerSec }: PaceState): Pick<PaceState, "troublePerSec" | "calmWindows"> {
  return { troublePerSec: holdWindows > 0 ? troublePerSec : ratePerSec, calmWindows: 0 };
}

function objectionTo(observed: Observed): Objection | undefined {
  const { searches, storeFailures, cacheFailures, stored } = observed;
  if (cacheFailures > 0 && cacheFailures > stored / 10) return "cache-failing";
  if (storeFailures > 0 && storeFailures > searches / 10) return "store-failing";
  if (frequent(observed.overObjective, searches)) return "store-latency";
  return observed.evicted > 0 ? "cache-evicts" : undefined;
}

/** More than one in a hundred, and more than a single one: of few searches, one slow one says little. */
function frequent(slow: number, searches: number): boolean {
  return slow > searches / 100 && slow > (searches >= 5 ? 1 : 0);
}
