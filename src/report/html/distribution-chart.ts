import { axisDuration, px, quantileName } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";
import { linearScale, logScale, logTicks, spread } from "./scale.ts";

interface Curve {
  name: string;
  tone: string;
  /** Ascending in q and in µs. */
  points: readonly { q: number; us: number }[];
  /** Samples behind it. */
  n: number;
}

export interface DistributionChart {
  width: number;
  height: number;
  curves: readonly Curve[];
  limits: readonly { q: number; us: number; name: string; ok: boolean }[];
}

/** Beyond a percentile there must be this many samples. */
const samplesBeyond = 10;

/** log₁₀ 1/(1 − q): every step to the right is a tenth of what is left. */
export function nines(q: number): number {
  return -Math.log10(Math.max(1e-9, 1 - q));
}

/** Percentiles from the median's side to the maximum, both axes logarithmic: the tail takes as much room as the body. */
export function distributionChart({ width, height, curves, limits }: DistributionChart): Markup {
  const n = Math.max(1, ...curves.map((curve) => curve.n));
  const most = Math.max(1, Math.ceil(Math.log10(n)));
  const plot = { left: 58, right: width - 96, top: 10, bottom: height - 24 };
  const values = curves.flatMap(({ points }) => points.map(({ us }) => Math.max(1, us)));
  const shown = limits.filter(({ us }) => values.length > 0 && us <= Math.max(...values) * 30 && us >= Math.min(...values) / 10);
  const ticks = logTicks(Math.min(...values, ...shown.map(({ us }) => us)), Math.max(...values, ...shown.map(({ us }) => us)));
  const y = logScale(ticks[0]!, ticks.at(-1)!, [plot.bottom, plot.top], ticks);
  const x = linearScale(0, most, [plot.left, plot.right], []);
  const at = (q: number) => x(Math.min(most, nines(q)));
  const marks = [0, 0.5, 0.9, 0.99, 0.999, 0.9999, 0.999_99, 0.999_999].filter((q) => nines(q) <= most);
  const weakFrom = x(Math.max(0, Math.log10(n / samplesBeyond)));
  const ends = curves.filter(({ points }) => points.length > 0);
  const placed = spread(
    ends.map(({ points }) => y(points.at(-1)!.us) + 4),
    14,
    [plot.top + 6, plot.bottom],
  );
  return markup`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="Distribution of latency by percentile" data-plot="${plot.left} ${plot.top} ${plot.right} ${plot.bottom}">
${weakFrom < plot.right && markup`<g class="weak"><rect x="${px(weakFrom)}" y="${plot.top}" width="${px(plot.right - weakFrom)}" height="${plot.bottom - plot.top}"/><text class="tick" x="${px(Math.min(weakFrom + 5, plot.right - 4))}" y="${plot.bottom - 6}">under ten samples</text></g>`}
${ticks.map((tick) => markup`<line class="grid" x1="${plot.left}" x2="${plot.right}" y1="${px(y(tick))}" y2="${px(y(tick))}"/><text class="tick" x="${plot.left - 7}" y="${px(y(tick) + 3.5)}" text-anchor="end">${axisDuration(tick)}</text>`)}
${marks.map((q) => markup`<line class="grid" x1="${px(at(q))}" x2="${px(at(q))}" y1="${plot.top}" y2="${plot.bottom}"/><text class="tick" x="${px(at(q))}" y="${plot.bottom + 16}" text-anchor="middle">${q === 0 ? "min" : quantileName(q)}</text>`)}
${curves.map(({ points, tone }) => points.length > 1 && markup`<path class="line ${tone}" d="M${points.map(({ q, us }) => `${px(at(q))} ${px(y(Math.max(1, us)))}`).join("L")}"/>`)}
${shown.map(({ q, us, name, ok }) => markup`<g class="ceiling ${ok ? "held" : "broken"}"><path d="M${px(Math.max(plot.left, at(q) - 14))} ${px(y(us))}H${px(Math.min(plot.right, at(q) + 14))}"/><text x="${px(at(q) - 18)}" y="${px(y(us) + 4)}" text-anchor="end">${name}</text></g>`)}
${ends.map(({ name, tone }, index) => markup`<text class="name ${tone}" x="${plot.right + 6}" y="${px(placed[index]!)}">${name}</text>`)}
</svg>`;
}
