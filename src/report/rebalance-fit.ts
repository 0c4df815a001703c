import type { FitResult } from "../kmeans/result.ts";
import { formatCount, formatDurationMs, formatPercent, plural } from "../units.ts";
import { shareBar } from "./share-bar.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

const barWidth = 24;

/** A fit for people: what it came to, and every shard as a row with a bar of its size. */
export function rebalanceFitReport(result: FitResult, style: Style): string {
  const { model, modelId, vectors, sample, dim, metric, algorithm, inertia, iterations, shards, spill } = result;
  const most = Math.max(...shards.map(({ size }) => size));
  const rows = shards.map(({ id, size, share, inertia, radius }) => [
    `${id}`,
    formatCount(size),
    formatPercent(share),
    figure(inertia),
    figure(radius),
    shareBar(size, most, barWidth),
  ]);
  const right = (header: string) => ({ header, align: "right" as const });
  const part = sample === vectors ? "" : `, fitted on ${formatCount(sample)} of them`;
  return [
    `${style.bold(plural(shards.length, "shard"))} of ${plural(vectors, "vector")} × ${dim}${part}`,
    style.dim(
      `${algorithm}, ${metric}, ${plural(iterations, "step")} in ${formatDurationMs(result.seconds * 1000)} (and ${formatDurationMs(result.readSeconds * 1000)} of reading)`,
    ),
    "",
    table([right("shard"), right("size"), right("share"), right("inertia"), right("radius"), { header: "" }], rows, style),
    "",
    `inertia ${figure(inertia)}, largest shard ${result.maxOverMean.toFixed(2)} × the mean`,
    ...(spill
      ? [`${formatPercent(spill.share)} of the rows are kept twice: second centroid at most ${spill.ratio.toFixed(3)} × as far`]
      : []),
    ...samplingLines(result),
    `model ${modelId} in ${model}`,
  ].join("\n");
}

/** What a sample leaves uncertain. */
function samplingLines({ sampling }: FitResult): string[] {
  if (!sampling) return [];
  const { points, read, shareError, inertiaError, maxOverMeanError } = sampling;
  return [
    `a sample of ${formatCount(read)} of ${formatCount(points)} points; at 95 %: shares ± ${formatPercent(shareError)},`,
    `inertia ± ${formatPercent(inertiaError)}, largest shard ± ${maxOverMeanError.toFixed(2)} × the mean`,
  ];
}

/** Five significant digits, without a power of ten where one can do without. */
function figure(value: number): string {
  if (value === 0) return "0";
  if (value >= 100_000) return formatCount(Math.round(value));
  return value >= 0.001 ? value.toPrecision(5) : value.toExponential(3);
}
