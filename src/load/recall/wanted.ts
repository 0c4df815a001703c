import type { ThresholdInput } from "../contract.ts";
import { parseThresholds } from "../thresholds.ts";

/**
 * The ks at which recall must be judged for these thresholds.
 * @param k of the searches: what `recall` alone means
 * @param asked recall is wanted even where no threshold names it
 */
export function recallKsOf(thresholds: readonly ThresholdInput[], k: number, asked: boolean): number[] {
  const named = parseThresholds(thresholds).thresholds.flatMap((threshold) =>
    threshold.metric === "recall" ? [threshold.k ?? k] : [],
  );
  return [...new Set(named.length === 0 && asked ? [k] : named)].sort((a, b) => a - b);
}
