import type { CacheSizeResult } from "../cache/sizing/result.ts";
import { formatBytes } from "../units.ts";
import { areaPlot, plotGutter } from "./area-plot.ts";
import type { Style } from "./style.ts";

interface PlottedPoint {
  bytes: number;
  hitRatio: number;
}

/** All that is known of a curve, ascending: the points that were asked for may be few. */
export function plottedPoints({ curve, levels }: CacheSizeResult): PlottedPoint[] {
  const points = [...curve.map(({ bytes, missRatio }) => ({ bytes, hitRatio: 1 - missRatio })), ...levels];
  const sorted = points.filter(({ bytes }) => bytes > 0).toSorted((a, b) => a.bytes - b.bytes);
  return sorted.filter(({ bytes }, index) => bytes !== sorted[index - 1]?.bytes);
}

/**
 * Hits over size, filled from below; sizes on a logarithmic axis.
 * @param known ascending; fewer than two points make no plot
 * @param target a hit ratio to draw a line at
 */
export function hitPlot(known: readonly PlottedPoint[], target: number | undefined, style: Style): string[] {
  const first = known[0];
  const last = known.at(-1);
  if (!first || !last || last.bytes <= first.bytes) return [];
  const width = Math.max(20, Math.min(style.columns, 100) - plotGutter);
  const span = Math.log(last.bytes / first.bytes);
  const shares = Array.from({ length: width }, (_, column) =>
    hitRatioAt(known, first.bytes * Math.exp((span * column) / (width - 1))),
  );
  const lines = areaPlot(shares, target);
  return [...lines, axis(first.bytes, last.bytes, width), style.dim(`${" ".repeat(plotGutter)}hits over size (log scale)`)];
}

/** Along the logarithm of the size, as the axis is. */
function hitRatioAt(curve: readonly PlottedPoint[], bytes: number): number {
  const index = curve.findIndex((point) => point.bytes >= bytes * (1 - 1e-9));
  const right = curve[index] ?? curve.at(-1)!;
  const left = curve[index - 1];
  if (!left) return right.hitRatio;
  const share = Math.log(bytes / left.bytes) / Math.log(right.bytes / left.bytes);
  return left.hitRatio + (right.hitRatio - left.hitRatio) * Math.min(1, share);
}

function axis(from: number, to: number, width: number): string {
  const middle = formatBytes(Math.sqrt(from * to));
  const [left, right] = [formatBytes(from), formatBytes(to)];
  const gap = Math.max(1, Math.floor((width - middle.length) / 2) - left.length);
  const line = `${left}${" ".repeat(gap)}${middle}`;
  return " ".repeat(plotGutter) + line + right.padStart(Math.max(right.length + 1, width - line.length));
}
