import { seededRng } from "../../runtime.ts";
import { openingHours, openThroughout, type Calendar } from "./calendar.ts";

/** What the monkey does, and when. */
export interface MonkeySchedule extends Calendar {
  seed: number;
  /** Time is cut into intervals of this length, from the epoch on; each draws once. */
  every: number;
  /** Of a fault in one interval, [0, 1]. */
  probability: number;
  /** From the end of one fault to the begin of the next, ms. */
  minBetween: number;
  /** In a fixed order. */
  faults: readonly { name: string; weight: number; forMs: number }[];
}

/** A fault that the seed says. */
export interface PlannedAct {
  atMs: number;
  /** Position in `faults`. */
  fault: number;
  forMs: number;
  /** Chooses among the nodes that there are then, [0, 1). */
  pick: number;
}

interface Candidate extends PlannedAct {
  /** Of two that are too close, the one with the lower mark stays. */
  mark: number;
}

/**
 * Every act that begins in [fromMs, toMs), in order. A pure function of time, seed and configuration: whoever asks, whenever, of
 * whatever stretch of time, gets the same acts, so that a monkey that is started again goes on as if it had not been away.
 *
 * Each interval draws whether, when and what; what would not lie within working hours from its begin to its end is dropped. Of
 * faults that are too close to each other, the one with the lowest mark stays (Matérn's second hard-core process), which
 * depends on the neighbourhood alone: no history is needed.
 */
export function plannedActs(schedule: MonkeySchedule, fromMs: number, toMs: number): PlannedAct[] {
  const { every, minBetween, faults } = schedule;
  if (faults.length === 0 || toMs <= fromMs) return [];
  const reachMs = Math.max(...faults.map(({ forMs }) => forMs)) + minBetween;
  const isOpen = openingHours(schedule);
  const candidates: Candidate[] = [];
  const last = Math.floor((toMs + reachMs) / every);
  for (let interval = Math.floor((fromMs - reachMs) / every); interval <= last; interval++) {
    const candidate = draw(schedule, interval);
    if (candidate && openThroughout(isOpen, candidate.atMs, candidate.atMs + candidate.forMs)) candidates.push(candidate);
  }
  candidates.sort((a, b) => a.atMs - b.atMs);
  return candidates
    .filter((one, index) => one.atMs >= fromMs && one.atMs < toMs && !isBeaten(candidates, index, { minBetween, reachMs }))
    .map(({ atMs, fault, forMs, pick }) => ({ atMs, fault, forMs, pick }));
}

/** Whether a neighbour in time that is too close has the lower mark. */
function isBeaten(
  candidates: readonly Candidate[],
  index: number,
  { minBetween, reachMs }: { minBetween: number; reachMs: number },
): boolean {
  const one = candidates[index]!;
  for (const step of [-1, 1])
    for (let at = index + step; ; at += step) {
      const other = candidates[at];
      if (!other || Math.abs(other.atMs - one.atMs) > reachMs) break;
      if (tooClose(one, other, minBetween) && beats(other, one)) return true;
    }
  return false;
}

/** Always the same draws in the same order, so that one setting does not change what the others gave. */
function draw({ seed, every, probability, faults }: MonkeySchedule, interval: number): Candidate | undefined {
  const rng = seededRng(mixed(seed, interval));
  const acts = rng() < probability;
  const offset = rng();
  const kind = rng();
  const pick = rng();
  const mark = rng();
  if (!acts) return undefined;
  const fault = weighted(faults, kind);
  return { atMs: Math.floor((interval + offset) * every), fault, forMs: faults[fault]!.forMs, pick, mark };
}

function weighted(faults: MonkeySchedule["faults"], at: number): number {
  let left = at * faults.reduce((sum, { weight }) => sum + weight, 0);
  const found = faults.findIndex(({ weight }) => (left -= weight) < 0);
  return found < 0 ? faults.length - 1 : found;
}

function tooClose(a: Candidate, b: Candidate, minBetween: number): boolean {
  const [first, second] = a.atMs <= b.atMs ? [a, b] : [b, a];
  return second.atMs < first.atMs + first.forMs + minBetween;
}

function beats(a: Candidate, b: Candidate): boolean {
  return a.mark < b.mark || (a.mark === b.mark && a.atMs < b.atMs);
}

/** 32 bits of both: murmur3's finalizer, twice, so that neighbouring intervals and seeds share nothing. */
function mixed(seed: number, interval: number): number {
  return finalized(
    finalized(Math.trunc(seed) ^ 0x9e37_79b9) ^ (interval >>> 0) ^ Math.imul(Math.floor(interval / 2 ** 32), 0x85eb_ca6b),
  );
}

function finalized(value: number): number {
  let h = value >>> 0;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
