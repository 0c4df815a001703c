import { decodeFromCompressedBase64, type JsHistogram } from "hdr-histogram-js";
import type { WindowBelow } from "../statistics/quantile-interval.ts";
import type { WindowRecord } from "./record.ts";

/** For each value, how many response times of each window did not exceed it, to HDR's precision. */
export function countsBelow(records: readonly WindowRecord[], valuesUs: readonly number[]): WindowBelow[][] {
  const out: WindowBelow[][] = valuesUs.map(() => []);
  for (const { response } of records) {
    if (response?.hdr === undefined || valuesUs.length === 0) continue;
    const histogram = decodeFromCompressedBase64(response.hdr) as JsHistogram;
    const last = Math.max(...valuesUs);
    const below = valuesUs.map(() => 0);
    for (let index = 0; index < histogram.countsArrayLength; index++) {
      const value = histogram.valueFromIndex(index);
      if (value > last) break;
      const count = histogram.getCountAtIndex(index);
      if (count > 0) for (let at = 0; at < valuesUs.length; at++) if (value <= valuesUs[at]!) below[at]! += count;
    }
    for (const [at, each] of below.entries()) out[at]!.push({ n: response.n, below: each });
  }
  return out;
}
