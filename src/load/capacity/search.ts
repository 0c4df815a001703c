/** What one probe (a load run at a constant rate, held long enough) said. */
export type ProbeOutcome =
  | { kind: "pass" }
  /** The objectives that broke, the worst first: `p99<100ms`. */
  | { kind: "fail"; broke: string[] }
  /** The generator, not the system, was the limit. */
  | { kind: "inconclusive"; reason: string };

/** Why a rate is tried: to find a rate that breaks, to halve the gap, or to repeat an answer. */
type ProbeKind = "bracket" | "bisect" | "confirm";

export interface Probe {
  ratePerSec: number;
  kind: ProbeKind;
  outcome: ProbeOutcome;
}

export interface CapacityOptions {
  /** Where the search begins, and below which it does not go. */
  minPerSec: number;
  /** Where it ends; absent: wherever the system breaks. */
  maxPerSec?: number;
  /** The gap between the highest rate that holds and the lowest that breaks, as a share of the former. */
  resolution?: number;
  /** Probes of one rate until it is decided by majority: odd. */
  repeats?: number;
  maxProbes?: number;
}

export interface CapacityAnswer {
  /** The highest rate that held; null where not even `minPerSec` did. */
  ratePerSec: number | null;
  /**
   * Up to `low` no probe failed; at `high` most failed, and above it all (null: nothing that was tried broke, the system holds at least this).
   * Where repeats of one rate disagree the interval is wider than the resolution, and so it should be.
   */
  interval: { lowPerSec: number; highPerSec: number | null };
  /** The objective that broke first, at the lowest rate that failed; absent where none did. */
  firstBroken?: string;
  /** The rate above is one that the generator could not make: the system may hold more. */
  generatorBound: boolean;
  /** Both ends were repeated until a majority agreed. False: `maxProbes` ran out first. */
  confirmed: boolean;
  probes: number;
}

type CapacityStep = { probe: { ratePerSec: number; kind: ProbeKind } } | { done: CapacityAnswer };

/** One rate's probes together. Inconclusive ones stand above the system's capacity as far as this generator can tell. */
interface Tally {
  ratePerSec: number;
  passes: number;
  fails: number;
  inconclusive: number;
}
const total = (tally: Tally) => tally.passes + tally.fails + tally.inconclusive;
const holds = (tally: Tally) => tally.passes > tally.fails + tally.inconclusive;
/** A majority of `repeats` can no longer be turned. */
const decided = (tally: Tally, repeats: number) => Math.max(tally.passes, total(tally) - tally.passes) > repeats / 2;

/**
 * What to do next, given what has been tried: a pure function, so that a search can be resumed from its journal and tested as a table. It doubles the rate
 * from `minPerSec` until one breaks (or `maxPerSec` holds), halves the gap to the resolution, then repeats both ends until a majority agrees.
 *
 * One probe may be wrong (noise, a neighbour's burst). An end that turns out wrong on repetition is moved and the search goes on from
 * there, among rates that were already tried where that is possible; no rate is tried more than `repeats` times, and `maxProbes` bounds all. The lowest rate that breaks
 * is the bound: a rate holds only if those below it do.
 */
export function nextProbe(probes: readonly Probe[], options: CapacityOptions): CapacityStep {
  const { minPerSec, maxPerSec = Infinity, resolution = 0.03, repeats = 3, maxProbes = 40 } = options;
  const tallies = tally(probes);
  const broken = tallies.find((tally) => !holds(tally));
  const held = tallies.findLast((tally) => holds(tally) && (!broken || tally.ratePerSec < broken.ratePerSec));
  const finish = (confirmed: boolean): CapacityStep => ({ done: answer(probes, tallies, held, broken, confirmed) });
  if (probes.length >= maxProbes) return finish(settled(held, repeats) && settled(broken, repeats));
  const probe = (ratePerSec: number, kind: ProbeKind): CapacityStep => ({ probe: { ratePerSec, kind } });

  if (!held && !broken) return probe(Math.min(minPerSec, maxPerSec), "bracket");
  if (!broken) {
    if (held!.ratePerSec < maxPerSec) return probe(Math.min(maxPerSec, round(held!.ratePerSec * 2)), "bracket");
    return settled(held, repeats) ? finish(true) : probe(held!.ratePerSec, "confirm");
  }
  // A single failure far below the rest would cost the whole search: it is repeated before anything is built on it.
  if (!held) return settled(broken, repeats) ? below(broken) : probe(broken.ratePerSec, "confirm");
  if (broken.ratePerSec > held.ratePerSec * (1 + resolution)) {
    const middle = round(Math.sqrt(held.ratePerSec * broken.ratePerSec));
    if (middle > held.ratePerSec && middle < broken.ratePerSec) return probe(middle, "bisect");
  }
  if (!settled(held, repeats)) return probe(held.ratePerSec, "confirm");
  if (!settled(broken, repeats)) return probe(broken.ratePerSec, "confirm");
  return finish(true);

  /** Nothing that was tried holds: the start, if it was not the lowest rate that broke. */
  function below(lowest: Tally): CapacityStep {
    return lowest.ratePerSec > minPerSec ? probe(minPerSec, "bracket") : finish(true);
  }
}

function settled(tally: Tally | undefined, repeats: number): boolean {
  return tally === undefined || decided(tally, repeats);
}

function tally(probes: readonly Probe[]): Tally[] {
  const byRate = new Map<number, Tally>();
  for (const { ratePerSec, outcome } of probes) {
    const entry = byRate.get(ratePerSec) ?? { ratePerSec, passes: 0, fails: 0, inconclusive: 0 };
    if (outcome.kind === "pass") entry.passes++;
    else if (outcome.kind === "fail") entry.fails++;
    else entry.inconclusive++;
    byRate.set(ratePerSec, entry);
  }
  return [...byRate.values()].sort((a, b) => a.ratePerSec - b.ratePerSec);
}

function answer(
  probes: readonly Probe[],
  tallies: readonly Tally[],
  held: Tally | undefined,
  broken: Tally | undefined,
  confirmed: boolean,
): CapacityAnswer {
  const ratePerSec = held?.ratePerSec ?? null;
  // Disagreement anywhere widens: down to below the lowest failure, up to the highest pass.
  const lowestDoubt = tallies.find((tally) => tally.passes < total(tally));
  const low = tallies.findLast((tally) => holds(tally) && (!lowestDoubt || tally.ratePerSec < lowestDoubt.ratePerSec));
  const highestPass = tallies.findLast(({ passes }) => passes > 0);
  const high = tallies.find((tally) => !holds(tally) && tally.ratePerSec >= (highestPass?.ratePerSec ?? 0));
  const generatorBound = broken !== undefined && broken.inconclusive >= broken.fails;
  const firstBroken = firstFailure(probes, broken);
  return {
    ratePerSec,
    interval: { lowPerSec: Math.min(low?.ratePerSec ?? 0, ratePerSec ?? 0), highPerSec: high?.ratePerSec ?? null },
    ...(firstBroken === undefined ? {} : { firstBroken }),
    generatorBound,
    confirmed,
    probes: probes.length,
  };
}

/** The objective that broke most often at the rate that bounds the answer; the first named wins a tie. */
function firstFailure(probes: readonly Probe[], broken: Tally | undefined): string | undefined {
  const counts = new Map<string, number>();
  for (const { ratePerSec, outcome } of probes)
    if (ratePerSec === broken?.ratePerSec && outcome.kind === "fail" && outcome.broke[0] !== undefined)
      counts.set(outcome.broke[0], (counts.get(outcome.broke[0]) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
}

/** Four significant digits: rates that people can read, and the same rate again when a search is resumed. */
function round(ratePerSec: number): number {
  return Number(ratePerSec.toPrecision(4));
}
