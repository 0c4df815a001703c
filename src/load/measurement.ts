import { countsBelow } from "./windows/below.ts";
import type { LatencyHistogram } from "./recorder/histogram.ts";
import { isSupported, shownQuantiles, type ShownQuantile } from "./recorder/quantiles.ts";
import { Recorder, type ClosedWindow } from "./recorder/recorder.ts";
import type { SampleSink } from "./recorder/sink.ts";
import type { Tally } from "./recorder/tally.ts";
import { estimateRecall } from "./recall/accumulate.ts";
import type { LoadProgress, LoadResult } from "./result.ts";
import { designEffect, quantileRanks } from "./statistics/quantile-interval.ts";
import type { ThresholdResult } from "./thresholds/evaluate.ts";
import type { Threshold } from "./thresholds/parse.ts";
import { ThresholdWatch, type ThresholdScope } from "./thresholds/watch.ts";
import { openWindowFile, type WindowFile } from "./windows/file.ts";
import { tickUs, windowMsOf } from "./windows/length.ts";
import { mergeRecords, recordOf, type WindowRecord } from "./windows/record.ts";
import { WindowSeries } from "./windows/series.ts";
import { windowSummary, type WindowSummary } from "./windows/summary.ts";

export interface MeasurementOptions {
  scenarios: readonly ThresholdScope[];
  /** Of the measured part. */
  durationUs: number;
  timeoutUs: number;
  /** Operations due before a moment of the measured part; undefined where that is not known before (closed loops). */
  dueBefore: ((offsetUs: number) => number) | undefined;
  thresholds: readonly Threshold[];
  /** Windows are written here as they close; undefined: nowhere. */
  windowsFile?: string | undefined;
  onWindow?: ((window: WindowSummary) => void) | undefined;
  /** The same, with all that is known of it. */
  onRecord?: ((record: WindowRecord) => void) | undefined;
}

/** What a run measured, as its result says it. */
export type MeasuredResult = Pick<
  LoadResult,
  | "counts"
  | "errorsByCause"
  | "droppedByCause"
  | "responseTimeUs"
  | "responseIntervalsUs"
  | "serviceTimeUs"
  | "scheduleLagUs"
  | "perNode"
  | "perScenario"
  | "perCache"
  | "times"
  | "recall"
  | "histograms"
  | "windows"
  | "series"
>;

/** After its timeout an operation is ended by the next sweep, and told a flush later. */
const settlingUs = 1e6;

/** Everything that is counted in a run, from workers' samples to the figures of the result. Memory does not grow with the operations. */
export class Measurement {
  readonly recorder: Recorder;
  readonly #options: MeasurementOptions;
  readonly #windowMs: number;
  readonly #series: WindowSeries;
  readonly #watch: ThresholdWatch;
  readonly #file: WindowFile | undefined;

  /** Histograms must have been prepared (`prepareHistograms`). */
  constructor(options: MeasurementOptions) {
    const { scenarios, durationUs, dueBefore, thresholds, windowsFile } = options;
    this.#options = options;
    this.#windowMs = windowMsOf(durationUs / 1000);
    this.#series = new WindowSeries(this.#windowMs);
    this.#watch = new ThresholdWatch(thresholds, scenarios, this.#windowMs);
    this.#file = windowsFile === undefined ? undefined : openWindowFile(windowsFile);
    const windowUs = this.#windowMs * 1000;
    this.recorder = new Recorder({
      scenarios: scenarios.length,
      ticksPerWindow: windowUs / tickUs,
      windows: Math.ceil(durationUs / windowUs),
      dueIn: dueByWindow(dueBefore, windowUs),
      onWindow: (window) => this.#closed(window),
    });
  }

  sink(scenario: number): SampleSink {
    return this.recorder.sink(scenario);
  }

  /**
   * Now and then.
   * @param offsetUs since the measured part began
   * @returns a threshold that has failed and is to end the run
   */
  tick(offsetUs: number): ThresholdResult | undefined {
    const overUs = offsetUs - this.#options.timeoutUs - settlingUs;
    if (overUs > 0) this.recorder.closeBefore(Math.floor(overUs / 1000 / this.#windowMs));
    return this.#watch.broken(this.recorder, offsetUs);
  }

  /** Percentiles are of the windows that are closed. */
  progress(): Pick<LoadProgress, "counts" | "responseP50Us" | "responseP95Us" | "responseP99Us" | "errorsByCause" | "perNode"> {
    const { counts, response, errorsByCause } = this.recorder;
    return {
      counts,
      responseP50Us: response.quantile(0.5),
      responseP95Us: response.quantile(0.95),
      responseP99Us: response.quantile(0.99),
      errorsByCause,
      perNode: this.recorder.nodes().map(({ node, requests, errors, serviceTimeUs }) => ({
        node,
        requests,
        errors,
        serviceP99Us: serviceTimeUs.p99 ?? undefined,
      })),
    };
  }

  /** When every worker has told all. */
  end(): { result: MeasuredResult; thresholds: { threshold: Threshold; result: ThresholdResult }[] } {
    const { recorder } = this;
    recorder.end();
    const records = this.#series.list();
    const windows = this.#windowMs < 1000 ? bySecond(records) : records;
    const { counts, errorsByCause, droppedByCause, all } = recorder;
    return {
      thresholds: this.#watch.results(recorder),
      result: {
        counts,
        errorsByCause,
        droppedByCause,
        responseTimeUs: recorder.response.summary(),
        responseIntervalsUs: intervalsOf(recorder.response, records),
        serviceTimeUs: recorder.service.summary(),
        scheduleLagUs: recorder.lag.summary(),
        perNode: recorder.nodes(),
        perScenario: this.#perScenario(),
        perCache: [...recorder.totals.caches].map(([outcome, times]) => ({ outcome, responseTimeUs: times.summary() })),
        times: timesOf(all),
        recall: recallOf(all),
        histograms: { responseTime: recorder.response.encode(), serviceTime: recorder.service.encode() },
        windows: windows.map(windowSummary),
        ...(this.#windowMs < 1000 && { series: { windowMs: this.#windowMs, windows: records.map(compact) } }),
      },
    };
  }

  /** Closes the file and gives the memory back. Resolves with the reason, where the windows could not be written. */
  async destroy(): Promise<string | undefined> {
    this.recorder.destroy();
    this.#watch.destroy();
    return await this.#file?.end();
  }

  #closed(window: ClosedWindow): void {
    this.#watch.add(window);
    const record = recordOf(
      window,
      this.#windowMs,
      this.#options.scenarios.map(({ name }) => name),
    );
    this.#series.add(record);
    this.#file?.write(record);
    this.#options.onWindow?.(windowSummary(record));
    this.#options.onRecord?.(record);
  }

  #perScenario(): MeasuredResult["perScenario"] {
    const { scenarios } = this.#options;
    if (scenarios.length === 1) return [];
    return scenarios.flatMap(({ name, operation }, index) => {
      const tally = this.recorder.totals.scenarios[index];
      if (!tally) return [];
      const { counts, errorsByCause, droppedByCause, response, service, lag } = tally;
      return {
        name,
        operation,
        counts,
        errorsByCause,
        droppedByCause,
        responseTimeUs: response.summary(),
        serviceTimeUs: service.summary(),
        scheduleLagUs: lag.summary(),
        times: timesOf(tally),
        recall: recallOf(tally),
        cache: tally.cached,
      };
    });
  }
}

/** How many operations are due in each window. */
function dueByWindow(dueBefore: MeasurementOptions["dueBefore"], windowUs: number): (window: number) => number {
  if (!dueBefore) return () => Number.POSITIVE_INFINITY;
  const known = new Map<number, number>();
  return (window) => {
    let due = known.get(window);
    if (due === undefined) {
      // Only the last few are asked for again.
      if (known.size > 1000) known.clear();
      known.set(window, (due = dueBefore((window + 1) * windowUs) - dueBefore(window * windowUs)));
    }
    return due;
  };
}

function timesOf({ times }: Tally): MeasuredResult["times"] {
  return [...times].map(([name, { never, times }]) => ({ name, never, timeUs: times.summary() }));
}

function recallOf({ ratios }: Tally): MeasuredResult["recall"] {
  return [...ratios].flatMap(([name, tally]) => {
    const estimate = estimateRecall(tally);
    return estimate ? [{ k: Number(name.slice(name.indexOf("@") + 1)), ...estimate }] : [];
  });
}

function bySecond(records: readonly WindowRecord[]): WindowRecord[] {
  const groups = Map.groupBy(records, ({ startMs }) => Math.floor(startMs / 1000));
  return [...groups].map(([second, group]) => Object.assign(mergeRecords(group), { startMs: second * 1000, lengthMs: 1000 }));
}

function compact({ startMs, counts, response, ratios }: WindowRecord): NonNullable<LoadResult["series"]>["windows"][number] {
  const [recall] = Object.values(ratios);
  return {
    startMs,
    ok: counts.ok,
    errors: counts.errors + counts.unfinished,
    dropped: counts.dropped,
    ...(response?.hdr !== undefined && { responseHistogram: response.hdr }),
    ...(recall && { recall: { n: recall.n, sum: recall.sum } }),
  };
}

/** 95 % intervals of the percentiles that have the samples for it. */
function intervalsOf(response: LatencyHistogram, records: readonly WindowRecord[]): MeasuredResult["responseIntervalsUs"] {
  const names = (Object.keys(shownQuantiles) as ShownQuantile[]).filter((name) => isSupported(shownQuantiles[name], response.n));
  const values = names.map((name) => response.quantile(shownQuantiles[name])!);
  const below = countsBelow(records, values);
  return Object.fromEntries(
    names.flatMap((name, index) => {
      const q = shownQuantiles[name];
      const ranks = quantileRanks(q, response.n, designEffect(below[index]!, q));
      return ranks ? [[name, { low: response.atRank(ranks.low), high: response.atRank(ranks.high) }]] : [];
    }),
  );
}
