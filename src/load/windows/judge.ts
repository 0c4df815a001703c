import { addByCause, addCounts, Tally, TimeMeasure } from "../recorder/tally.ts";
import { estimateRecall, mergeTallies } from "../recall/accumulate.ts";
import type { EncodedLatency, LatencyHistogram } from "../recorder/histogram.ts";
import { evaluateThreshold, type ThresholdResult } from "../thresholds/evaluate.ts";
import type { Threshold } from "../thresholds/parse.ts";
import type { ThresholdScope } from "../thresholds/watch.ts";
import { decideVerdict, type Verdict } from "../verdict.ts";
import type { TallyRecord, WindowRecord } from "./record.ts";

/** Thresholds judged on a stretch of a run, as if it had been a run of its own. */
export interface StretchJudgement {
  /** As `decideVerdict` has it. */
  verdict: Verdict;
  reasons: string[];
  thresholds: ThresholdResult[];
  tally: Pick<Tally, "counts" | "errorsByCause"> & {
    responseP50Us: number | null;
    responseP99Us: number | null;
    recall: number | null;
  };
}

/**
 * @param records windows of the stretch, with their histograms (`LoadDeps.onRecord`)
 * @param scenarios of the run
 */
export function judgeStretch(
  records: readonly WindowRecord[],
  thresholds: readonly Threshold[],
  scenarios: readonly ThresholdScope[],
): StretchJudgement {
  const all = tallyOf(records);
  try {
    const judged = thresholds.map((threshold) => ({ threshold, result: judge(threshold, all, records, scenarios) }));
    const { counts, errorsByCause, droppedByCause } = all;
    const decided = decideVerdict({ counts, droppedByCause, thresholds: judged, scheduleLagP99Us: all.lag.quantile(0.99) });
    return {
      ...decided,
      thresholds: judged.map(({ result }) => result),
      tally: {
        counts,
        errorsByCause,
        responseP50Us: all.response.quantile(0.5) ?? null,
        responseP99Us: all.response.quantile(0.99) ?? null,
        recall: [...all.ratios.values()].flatMap((ratio) => estimateRecall(ratio)?.mean ?? [])[0] ?? null,
      },
    };
  } finally {
    all.destroy();
  }
}

function judge(
  threshold: Threshold,
  all: Tally,
  records: readonly WindowRecord[],
  scenarios: readonly ThresholdScope[],
): ThresholdResult {
  const { scope } = threshold;
  const named =
    scope === undefined ? scenarios : scenarios.filter(({ name, operation }) => name === scope || operation === scope);
  // A run of one scenario is counted once; all of them are what is counted together anyway.
  if (named.length === scenarios.length) return evaluateThreshold(threshold, all);
  const own = tallyOf(records.flatMap(({ scenarios }) => named.flatMap(({ name }) => scenarios[name] ?? [])));
  try {
    return evaluateThreshold(threshold, own);
  } finally {
    own.destroy();
  }
}

/** To be destroyed by whoever takes it. */
function tallyOf(records: readonly TallyRecord[]): Tally {
  const tally = new Tally();
  for (const { counts, errorsByCause, droppedByCause, response, service, lag, times, ratios } of records) {
    addCounts(tally.counts, counts);
    addByCause(tally.errorsByCause, errorsByCause);
    addByCause(tally.droppedByCause, droppedByCause);
    addTo(tally.response, response);
    addTo(tally.service, service);
    addTo(tally.lag, lag);
    for (const [name, { never, times: told }] of Object.entries(times)) {
      const measure = tally.times.get(name) ?? new TimeMeasure();
      measure.never += never;
      addTo(measure.times, told);
      tally.times.set(name, measure);
    }
    for (const [name, ratio] of Object.entries(ratios)) {
      const known = tally.ratios.get(name);
      tally.ratios.set(name, mergeTallies(known ? [known, ratio] : [ratio]));
    }
  }
  return tally;
}

function addTo(histogram: LatencyHistogram, encoded: EncodedLatency | undefined): void {
  if (encoded?.hdr !== undefined) histogram.addEncoded({ ...encoded, hdr: encoded.hdr });
}
