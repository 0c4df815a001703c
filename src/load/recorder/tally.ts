import { dropCauses, type DropCause } from "../contract.ts";
import { addRecall, emptyTally, mergeTallies, type RecallTally } from "../recall/accumulate.ts";
import { LatencyHistogram } from "./histogram.ts";
import { isRatio } from "./sink.ts";

/** The identities hold for every one of these: scheduled = sent + dropped, sent = completed + unfinished, completed = ok + errors. */
export interface Counts {
  scheduled: number;
  sent: number;
  completed: number;
  ok: number;
  errors: number;
  dropped: number;
  unfinished: number;
}

export function noCounts(): Counts {
  return { scheduled: 0, sent: 0, completed: 0, ok: 0, errors: 0, dropped: 0, unfinished: 0 };
}

export function addCounts(into: Counts, other: Readonly<Counts>): void {
  for (const name of Object.keys(into) as (keyof Counts)[]) into[name] += other[name];
}

export function addByCause(into: Record<string, number>, other: Readonly<Record<string, number>>): void {
  for (const [cause, count] of Object.entries(other)) into[cause] = (into[cause] ?? 0) + count;
}

export function noDrops(): Record<DropCause, number> {
  return Object.fromEntries(dropCauses.map((cause) => [cause, 0])) as Record<DropCause, number>;
}

/** A time that operations measure beside their latency. `never`: it never came; ranks as infinitely slow. */
export class TimeMeasure {
  readonly times = new LatencyHistogram();
  never = 0;

  get n(): number {
    return this.times.n + this.never;
  }
}

/** Counts and latencies of some operations: of a scenario in a window, of a run. */
export class Tally {
  counts = noCounts();
  errorsByCause: Record<string, number> = {};
  droppedByCause = noDrops();
  readonly response = new LatencyHistogram();
  readonly service = new LatencyHistogram();
  readonly lag = new LatencyHistogram();
  /** By name. */
  readonly times = new Map<string, TimeMeasure>();
  readonly ratios = new Map<string, RecallTally>();
  /** Ok operations by what the cache said. */
  cached: Record<string, number> = {};

  measured(name: string, value: number): void {
    if (isRatio(name)) addRecall(this.#ratio(name), value);
    else if (value === Number.POSITIVE_INFINITY) this.#time(name).never++;
    else this.#time(name).times.record(value);
  }

  /** Afterwards this holds what both hold. */
  add(other: Tally): void {
    addCounts(this.counts, other.counts);
    addByCause(this.errorsByCause, other.errorsByCause);
    addByCause(this.droppedByCause, other.droppedByCause);
    addByCause(this.cached, other.cached);
    for (const name of ["response", "service", "lag"] as const) if (other[name].n > 0) this[name].add(other[name]);
    for (const [name, { times, never }] of other.times) {
      const mine = this.#time(name);
      if (times.n > 0) mine.times.add(times);
      mine.never += never;
    }
    for (const [name, tally] of other.ratios) Object.assign(this.#ratio(name), mergeTallies([this.#ratio(name), tally]));
  }

  /** Empties it; what it has allocated stays, for the next window. */
  reset(): void {
    this.counts = noCounts();
    this.errorsByCause = {};
    this.droppedByCause = noDrops();
    this.cached = {};
    for (const histogram of this.#histograms()) if (histogram.n > 0) histogram.reset();
    for (const measure of this.times.values()) measure.never = 0;
    this.ratios.clear();
  }

  destroy(): void {
    for (const histogram of this.#histograms()) histogram.destroy();
  }

  #histograms(): LatencyHistogram[] {
    return [this.response, this.service, this.lag, ...[...this.times.values()].map(({ times }) => times)];
  }
  #time(name: string): TimeMeasure {
    let measure = this.times.get(name);
    if (!measure) this.times.set(name, (measure = new TimeMeasure()));
    return measure;
  }
  #ratio(name: string): RecallTally {
    let tally = this.ratios.get(name);
    if (!tally) this.ratios.set(name, (tally = emptyTally()));
    return tally;
  }
}
