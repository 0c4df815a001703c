import { formatBytes, formatCount, formatPercent } from "../../units.ts";
import { px } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";
import { linearScale, logScale } from "./scale.ts";
import type { SizePoint } from "../../cache/sizing/result.ts";

interface HitMark {
  bytes: number;
  hitRatio: number;
  name: string;
  tone: string;
}

export interface HitChart {
  width: number;
  height: number;
  /** Ascending, at least two of different sizes. */
  points: readonly SizePoint[];
  marks: readonly HitMark[];
  /** No size gets above it. */
  ceiling: number;
}

/** Hit ratio over size, with a band of two standard errors; with a near tier, its part below. Sizes on a logarithmic axis. */
export function hitChart({ width, height, points, marks, ceiling }: HitChart): Markup {
  const plot = { left: 52, right: width - 20, top: 14, bottom: height - 26 };
  const sized = points.filter(({ bytes }) => bytes > 0);
  const [from, to] = [sized[0]!.bytes, sized.at(-1)!.bytes];
  const ticks = byteTicks(from, to);
  const x = logScale(from, to, [plot.left, plot.right], ticks);
  const y = linearScale(0, 1, [plot.bottom, plot.top], [0, 0.25, 0.5, 0.75, 1]);
  const line = (at: (point: SizePoint) => number) => sized.map((point) => `${px(x(point.bytes))} ${px(y(at(point)))}`);
  const upper = line(({ missRatio, missRatioError }) => 1 - missRatio + 2 * missRatioError);
  const lower = line(({ missRatio, missRatioError }) => 1 - missRatio - 2 * missRatioError);
  const near = sized.some(({ nearHitRatio }) => nearHitRatio !== undefined);
  return markup`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="Hit ratio by size of the cache">
${y.ticks.map((tick) => markup`<line class="grid" x1="${plot.left}" x2="${plot.right}" y1="${px(y(tick))}" y2="${px(y(tick))}"/><text class="tick" x="${plot.left - 7}" y="${px(y(tick) + 3.5)}" text-anchor="end">${tick === 0 ? "0" : `${tick * 100} %`}</text>`)}
${ticks.map((tick) => markup`<line class="grid" x1="${px(x(tick))}" x2="${px(x(tick))}" y1="${plot.top}" y2="${plot.bottom}"/><text class="tick" x="${px(x(tick))}" y="${plot.bottom + 16}" text-anchor="middle">${axisBytes(tick)}</text>`)}
<line class="limit" x1="${plot.left}" x2="${plot.right}" y1="${px(y(ceiling))}" y2="${px(y(ceiling))}"/><text class="limit" x="${plot.left + 6}" y="${px(y(ceiling) - 5)}">the rest are first references: ${formatPercent(1 - ceiling)}</text>
<path class="ribbon t2" d="M${[...upper, ...lower.toReversed()].join("L")}Z"/>
${near && markup`<path class="line other" d="M${line(({ nearHitRatio }) => nearHitRatio ?? 0).join("L")}"/>`}
<path class="line t2" d="M${line(({ missRatio }) => 1 - missRatio).join("L")}"/>
${marks.map(({ bytes, hitRatio, name, tone }) => markup`<circle class="dot ${tone}" cx="${px(x(bytes))}" cy="${px(y(hitRatio))}" r="4.5"><title>${name}: ${formatBytes(bytes)}, ${formatPercent(hitRatio)}</title></circle>`)}
${sized.map((point) => markup`<circle class="hit" cx="${px(x(point.bytes))}" cy="${px(y(1 - point.missRatio))}" r="6"><title>${tip(point)}</title></circle>`)}
</svg>`;
}

function tip({ bytes, entries, missRatio, missRatioError, nearHitRatio }: SizePoint): string {
  return [
    `${formatBytes(bytes)}, ${formatCount(entries)} entries`,
    `hits ${formatPercent(1 - missRatio)}${missRatioError > 0 ? ` ± ${formatPercent(missRatioError)}` : ""}`,
    ...(nearHitRatio === undefined ? [] : [`of them in the near tier ${formatPercent(nearHitRatio)}`]),
  ].join("\n");
}

/** Powers of two within the range, six at most. */
function byteTicks(from: number, to: number): number[] {
  const [low, high] = [Math.ceil(Math.log2(from)), Math.floor(Math.log2(to))];
  const step = Math.max(1, Math.ceil((high - low) / 6));
  const ticks: number[] = [];
  for (let power = Math.ceil(low / step) * step; power <= high; power += step) ticks.push(2 ** power);
  return ticks;
}

function axisBytes(bytes: number): string {
  return formatBytes(bytes).replace(/\.0+(?= )/, "");
}
