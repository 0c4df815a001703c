/** How many records a write should carry, and what was learnt so far. Plain data: the controller is `nextBatchSizing`. */
export interface BatchSizing {
  size: number;
  /** Never above this again: a larger one was refused as too large. */
  ceiling: number;
  /** Full-sized writes of the round that is being measured. */
  round: { writes: number; records: number; elapsedUs: number };
  /** Before the last change of size. */
  before?: { size: number; perSec: number };
  /** Rounds to go before growth is tried again. */
  hold: number;
}

export interface BatchLimits {
  min: number;
  max: number;
  /** A write that takes longer than this on average is too large for this cluster, µs. */
  slowUs: number;
}

export interface WriteObservation {
  records: number;
  elapsedUs: number;
  /** `throttled`: 429; `too-large`: 413, or a body above what the store takes; `failed`: anything else, which says nothing of sizes. */
  outcome: "ok" | "throttled" | "too-large" | "failed";
}

const writesPerRound = 6;
/** Growth must pay this much to go on, and a loss of this much is undone. */
const matters = 0.05;
const growth = 1.5;
const holdRounds = 16;

export function initialSizing(limits: BatchLimits, size = 256): BatchSizing {
  const first = Math.min(limits.max, Math.max(limits.min, size));
  return { size: first, ceiling: limits.max, round: emptyRound(), hold: 0 };
}

/**
 * Hill climbing with memory: larger while throughput grows, back where it does not, and then again after a while; half at
 * once on 429 and on 413, which also lowers the ceiling; smaller while writes take too long. Pure.
 */
export function nextBatchSizing(sizing: BatchSizing, seen: WriteObservation, limits: BatchLimits): BatchSizing {
  const resize = (size: number, rest: Partial<BatchSizing>): BatchSizing => {
    const { ceiling = sizing.ceiling, hold = 0, before } = rest;
    const fitting = Math.round(Math.max(limits.min, Math.min(size, ceiling, limits.max)));
    return { size: fitting, ceiling, hold, round: emptyRound(), ...(before ? { before } : {}) };
  };
  if (seen.outcome === "failed") return sizing;
  if (seen.outcome === "too-large") {
    const ceiling = Math.max(limits.min, Math.min(sizing.ceiling, Math.floor(seen.records / 2)));
    return resize(sizing.size, { ceiling, hold: holdRounds });
  }
  // Writes that began before the size was cut say nothing new.
  if (seen.outcome === "throttled") return seen.records > sizing.size ? sizing : resize(sizing.size / 2, { hold: holdRounds });
  // The last of a portion is smaller than the others, and says little of what the size is worth.
  if (seen.records < sizing.size * 0.75 || seen.records > sizing.size * 1.25) return sizing;
  const round = {
    writes: sizing.round.writes + 1,
    records: sizing.round.records + seen.records,
    elapsedUs: sizing.round.elapsedUs + seen.elapsedUs,
  };
  if (round.writes < writesPerRound) return { ...sizing, round };
  const perSec = (round.records / Math.max(1, round.elapsedUs)) * 1e6;
  const here = { size: sizing.size, perSec };
  if (round.elapsedUs / round.writes > limits.slowUs) return resize(sizing.size * 0.7, { hold: holdRounds });
  if (sizing.hold > 0) return { ...sizing, round: emptyRound(), hold: sizing.hold - 1 };
  const { before } = sizing;
  // A larger size that does not pay is not worth its memory.
  if (before && before.size < sizing.size && perSec < before.perSec * (1 + matters))
    return resize(before.size, { hold: holdRounds });
  if (sizing.size >= Math.min(sizing.ceiling, limits.max)) return resize(sizing.size, { hold: holdRounds });
  return resize(sizing.size * growth, { before: here });
}

function emptyRound(): BatchSizing["round"] {
  return { writes: 0, records: 0, elapsedUs: 0 };
}
