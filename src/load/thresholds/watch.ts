import type { ClosedWindow, Recorder } from "../recorder/recorder.ts";
import { Tally } from "../recorder/tally.ts";
import type { SplitTally } from "../recorder/window-tally.ts";
import { evaluateThreshold, worseOf, type ThresholdResult } from "./evaluate.ts";
import type { Threshold } from "./parse.ts";

/** A scenario as thresholds name it. */
export interface ThresholdScope {
  name: string;
  operation: string;
}

/** Judges thresholds while a run goes on, and at its end. Windows come in order of time. */
export class ThresholdWatch {
  readonly #judges: Judge[];

  /** @param windowMs of the windows that will come */
  constructor(thresholds: readonly Threshold[], scenarios: readonly ThresholdScope[], windowMs: number) {
    this.#judges = thresholds.map((threshold) => {
      const of =
        threshold.scope === undefined
          ? undefined
          : scenarios.flatMap(({ name, operation }, index) => ([name, operation].includes(threshold.scope!) ? [index] : []));
      // All of them is what is counted together anyway.
      const indexes = of?.length === scenarios.length ? undefined : of;
      return threshold.windowUs === undefined
        ? new WholeRun(threshold, indexes)
        : new EachWindow(threshold, indexes, windowMs, threshold.windowUs / 1000);
    });
  }

  add(window: ClosedWindow): void {
    for (const judge of this.#judges) judge.add?.(window);
  }

  /**
   * What ends the run now: the first failed threshold that is to do so and whose delay is over.
   * @param offsetUs since the measured part began
   */
  broken(recorder: Recorder, offsetUs: number): ThresholdResult | undefined {
    for (const judge of this.#judges) {
      const { abortAfterUs } = judge.threshold;
      if (abortAfterUs === undefined || offsetUs < abortAfterUs) continue;
      const result = judge.soFar(recorder);
      if (result && result.n > 0 && !result.ok) return result;
    }
    return undefined;
  }

  results(recorder: Recorder): { threshold: Threshold; result: ThresholdResult }[] {
    return this.#judges.map((judge) => ({ threshold: judge.threshold, result: judge.end(recorder) }));
  }

  destroy(): void {
    for (const judge of this.#judges) judge.destroy?.();
  }
}

interface Judge {
  readonly threshold: Threshold;
  add?(window: ClosedWindow): void;
  soFar(recorder: Recorder): ThresholdResult | undefined;
  end(recorder: Recorder): ThresholdResult;
  destroy?(): void;
}

class WholeRun implements Judge {
  readonly threshold: Threshold;
  readonly #indexes: readonly number[] | undefined;

  constructor(threshold: Threshold, indexes: readonly number[] | undefined) {
    this.threshold = threshold;
    this.#indexes = indexes;
  }

  soFar(recorder: Recorder): ThresholdResult {
    if (!this.#indexes) return evaluateThreshold(this.threshold, recorder.all);
    const tally = merged(recorder.totals, this.#indexes);
    const result = evaluateThreshold(this.threshold, tally);
    tally.destroy();
    return result;
  }

  end(recorder: Recorder): ThresholdResult {
    return this.soFar(recorder);
  }
}

/** It must hold in each window; the result is the worst one's. A last window that is cut to less than half is not judged unless it is the only one. */
class EachWindow implements Judge {
  readonly threshold: Threshold;
  readonly #indexes: readonly number[] | undefined;
  readonly #stepMs: number;
  readonly #lengthMs: number;
  readonly #tally = new Tally();
  #at = 0;
  #steps = 0;
  #count = 0;
  #failed = 0;
  #worst: ThresholdResult | undefined = undefined;
  #worstAtMs = 0;

  constructor(threshold: Threshold, indexes: readonly number[] | undefined, stepMs: number, lengthMs: number) {
    this.threshold = threshold;
    this.#indexes = indexes;
    this.#stepMs = stepMs;
    // Only whole windows of the run can be put together.
    this.#lengthMs = Math.max(1, Math.ceil(lengthMs / stepMs - 1e-9)) * stepMs;
  }

  add({ index, all, split }: ClosedWindow): void {
    const at = Math.floor((index * this.#stepMs) / this.#lengthMs);
    if (at !== this.#at) this.#judge();
    this.#at = at;
    this.#steps = index - (at * this.#lengthMs) / this.#stepMs + 1;
    if (!this.#indexes) return this.#tally.add(all);
    for (const tally of present(split, this.#indexes)) this.#tally.add(tally);
  }

  soFar(): ThresholdResult | undefined {
    return this.#worst && this.#result(this.#worst);
  }

  end(): ThresholdResult {
    if (this.#count === 0 || this.#steps * this.#stepMs * 2 >= this.#lengthMs) this.#judge();
    return this.#result(this.#worst ?? evaluateThreshold(this.threshold, this.#tally));
  }

  destroy(): void {
    this.#tally.destroy();
  }

  #judge(): void {
    if (this.#tally.counts.scheduled === 0 && this.#tally.times.size === 0) return;
    const result = evaluateThreshold(this.threshold, this.#tally);
    // A window in which nothing of the kind was measured says nothing; at the end, one that says anything must be there.
    if (result.n > 0) {
      this.#count++;
      if (!result.ok) this.#failed++;
      const worst = this.#worst ? worseOf(this.#worst, result, this.threshold) : result;
      if (worst !== this.#worst) [this.#worst, this.#worstAtMs] = [worst, this.#at * this.#lengthMs];
    }
    this.#tally.reset();
    this.#steps = 0;
  }

  #result(worst: ThresholdResult): ThresholdResult {
    const windows = { lengthMs: this.#lengthMs, count: this.#count, failed: this.#failed, worstAtMs: this.#worstAtMs };
    return { ...worst, windows };
  }
}

function present(split: SplitTally, indexes: readonly number[]): Tally[] {
  return indexes.flatMap((index) => split.scenarios[index] ?? []);
}

/** To be destroyed by whoever takes it. */
function merged(split: SplitTally, indexes: readonly number[]): Tally {
  const tally = new Tally();
  for (const each of present(split, indexes)) tally.add(each);
  return tally;
}
