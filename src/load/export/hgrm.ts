import { usageError } from "../../errors.ts";
import type { LoadResult } from "../result.ts";
import { decodeHistogram, mergeHistograms } from "./decode.ts";

/**
 * The percentile distribution as HdrHistogram prints it, for its plotters: values in milliseconds, five ticks per half distance.
 * @throws RagctlError exit 2 for a result without histograms (as `--json` prints it)
 */
export function percentileDistribution(result: LoadResult): string {
  const whole = result.histograms?.responseTime;
  const histogram =
    whole === undefined
      ? mergeHistograms(result.windows.flatMap(({ responseHistogram }) => responseHistogram ?? []))
      : decodeHistogram(whole);
  if (!histogram)
    throw usageError([{ message: "the result holds no histograms" }], {
      hint: "take the file that --out wrote, or the run of ragctl runs; what --json prints leaves them out",
    });
  return histogram.outputPercentileDistribution(5, 1000);
}
