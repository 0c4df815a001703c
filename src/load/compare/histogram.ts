import type { CompareWindow } from "./series.ts";

/** The part of hdr-histogram-js's own histograms (`JsHistogram`, which decoding gives by default) that is walked here. */
export interface WalkableHistogram {
  readonly countsArrayLength: number;
  getCountAtIndex(index: number): number;
  valueFromIndex(index: number): number;
  medianEquivalentValue(value: number): number;
}

/** A decoded HDR histogram of µs as the values and counts of a window: each bucket stands at its middle. */
export function latenciesOf(histogram: WalkableHistogram): CompareWindow["latencyUs"] {
  const values: number[] = [];
  const counts: number[] = [];
  for (let index = 0; index < histogram.countsArrayLength; index++) {
    const count = histogram.getCountAtIndex(index);
    if (count === 0) continue;
    values.push(histogram.medianEquivalentValue(histogram.valueFromIndex(index)));
    counts.push(count);
  }
  return { values, counts };
}
