import { decodeFromCompressedBase64, type Histogram } from "hdr-histogram-js";
import { RagctlError, ExitCode } from "../../errors.ts";

/**
 * An HDR histogram as a result holds it: V2 compressed, base64, µs.
 * @throws RagctlError exit 2 where the text is none
 */
export function decodeHistogram(encoded: string): Histogram {
  try {
    return decodeFromCompressedBase64(encoded);
  } catch (error) {
    throw new RagctlError(`a histogram of the run cannot be decoded: ${(error as Error).message}`, {
      code: "histogram-broken",
      exitCode: ExitCode.usage,
      hint: "the file was cut short or changed; only what ragctl load wrote with --out, or keeps in its runs, has whole histograms",
    });
  }
}

/** The union of several; undefined where there are none. */
export function mergeHistograms(encoded: readonly string[]): Histogram | undefined {
  let merged: Histogram | undefined;
  for (const each of encoded) {
    const histogram = decodeHistogram(each);
    if (merged) merged.add(histogram);
    else merged = histogram;
  }
  return merged;
}
