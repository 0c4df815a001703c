import { axisCount, clockTime, px } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";
import { linearScale, niceTicks, timeTicks } from "./scale.ts";
import type { TimeAxis } from "./model.ts";
import { formatCount } from "../../units.ts";

export interface StackChart {
  label: string;
  width: number;
  height: number;
  time: TimeAxis;
  /** From the bottom up. */
  layers: readonly { name: string; tone: string; counts: readonly number[] }[];
}

/** Counts by cause over time: a stacked bar for every point. */
export function stackChart(chart: StackChart): Markup {
  const { width, height, layers, label } = chart;
  const { seconds, everySeconds, totalSeconds, bands } = chart.time;
  const plot = { left: 58, right: width - 58, top: 8, bottom: height - 22 };
  const totals = seconds.map((_, index) => layers.reduce((sum, { counts }) => sum + counts[index]!, 0));
  const ticks = niceTicks(Math.max(...totals, 0), 3).filter((tick) => Number.isInteger(tick));
  const y = linearScale(0, ticks.at(-1)!, [plot.bottom, plot.top], ticks);
  const x = linearScale(0, totalSeconds, [plot.left, plot.right], timeTicks(totalSeconds, Math.max(3, width / 110)));
  const column = (plot.right - plot.left) * (everySeconds / totalSeconds);
  const gap = column > 4 ? 1 : 0;
  const bars = seconds.flatMap((second, index) => {
    let below = 0;
    return layers.flatMap(({ tone, counts }) => {
      const count = counts[index]!;
      if (count === 0) return [];
      const [from, to] = [y(below), y((below += count))];
      return [
        markup`<rect class="bar ${tone}" x="${px(x(second) + gap / 2)}" y="${px(to)}" width="${px(Math.max(0.5, Math.min(column, plot.right - x(second)) - gap))}" height="${px(Math.max(0.75, from - to))}"/>`,
      ];
    });
  });
  return markup`<svg class="chart time" viewBox="0 0 ${width} ${height}" role="img" aria-label="${label}" data-plot="${plot.left} ${plot.top} ${plot.right} ${plot.bottom}">
${bands.map(({ from, to, kind }) => markup`<g class="band ${kind === "fault" ? "fault" : "step"}"><rect x="${px(x(from))}" y="${plot.top}" width="${px(Math.max(1.5, x(to) - x(from)))}" height="${plot.bottom - plot.top}"/></g>`)}
${y.ticks.map((tick) => markup`<line class="grid" x1="${plot.left}" x2="${plot.right}" y1="${px(y(tick))}" y2="${px(y(tick))}"/><text class="tick" x="${plot.left - 7}" y="${px(y(tick) + 3.5)}" text-anchor="end">${axisCount(tick)}</text>`)}
${x.ticks.map((tick) => markup`<text class="tick" x="${px(x(tick))}" y="${plot.bottom + 15}" text-anchor="middle">${clockTime(tick)}</text>`)}
${bars}
<line class="cross" x1="0" x2="0" y1="${plot.top}" y2="${plot.bottom}"/>
${seconds.map((second, index) => markup`<rect class="hit" data-second="${second}" x="${px(x(second))}" y="${plot.top}" width="${px(Math.min(column, plot.right - x(second)))}" height="${plot.bottom - plot.top}"><title>${[clockTime(second), ...layers.map(({ name, counts }) => `${name}  ${formatCount(counts[index]!)}`)].join("\n")}</title></rect>`)}
</svg>`;
}
