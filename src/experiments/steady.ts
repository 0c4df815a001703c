import type { Threshold } from "../load/thresholds.ts";
import type { ThresholdScope } from "../load/thresholds/watch.ts";
import { judgeStretch, type StretchJudgement } from "../load/windows/judge.ts";
import type { WindowRecord } from "../load/windows/record.ts";
import type { Judged } from "./measure/hold.ts";

const secondMs = 1000;

/** The windows of the load as they close, judged by thresholds over stretches of any length. */
export class SteadyState {
  readonly #scenarios: readonly ThresholdScope[];
  readonly #thresholds: readonly Threshold[];
  readonly #windowMs: number;
  readonly #records: WindowRecord[] = [];
  readonly #judged: Judged[] = [];

  /** @param windowMs stretches of this length, one from every second, are what `judged` is of */
  constructor(thresholds: readonly Threshold[], scenarios: readonly ThresholdScope[], windowMs: number) {
    this.#thresholds = thresholds;
    this.#scenarios = scenarios;
    this.#windowMs = Math.max(1, Math.ceil(windowMs / secondMs)) * secondMs;
  }

  add(record: WindowRecord): void {
    this.#records.push(record);
  }

  /** Up to here everything is known, ms after the measurement began. */
  get knownMs(): number {
    const last = this.#records.at(-1);
    return last ? last.startMs + last.lengthMs : 0;
  }

  /** What began within [from, to). */
  stretch(fromMs: number, toMs: number): WindowRecord[] {
    return this.#records.filter(({ startMs }) => startMs >= fromMs && startMs < toMs);
  }

  /** Operations of that scenario that were due so far. */
  scheduledOf(scenario: string): number {
    const several = this.#scenarios.length > 1;
    return this.#records.reduce(
      (sum, { counts, scenarios }) => sum + ((several ? scenarios[scenario]?.counts : counts)?.scheduled ?? 0),
      0,
    );
  }

  judge(fromMs: number, toMs: number, thresholds: readonly Threshold[] = this.#thresholds): StretchJudgement {
    return judgeStretch(this.stretch(fromMs, toMs), thresholds, this.#scenarios);
  }

  /** One a second: whether the thresholds hold in the stretch that begins there, as far as whole stretches are known. */
  judged(): readonly Judged[] {
    for (;;) {
      const atMs = this.#judged.length * secondMs;
      if (atMs + this.#windowMs > this.knownMs) return this.#judged;
      const { verdict, thresholds } = this.judge(atMs, atMs + this.#windowMs);
      // What the generator did late is no fault of the system's, and a stretch without anything of the kind says nothing.
      this.#judged.push({ atMs, ok: verdict !== "fail" || thresholds.every(({ ok, n }) => ok || n === 0) });
    }
  }
}
