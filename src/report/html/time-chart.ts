import { clockTime, px, shorten } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";
import { linearScale, logScale, logTicks, niceTicks, spread, timeTicks } from "./scale.ts";
import type { TimeAxis } from "./model.ts";
import type { Band } from "./timeline.ts";

interface Line {
  name: string;
  /** One of the classes of style.ts: a colour that carries meaning. */
  tone: string;
  /** One a point of `seconds`; null breaks the line. */
  values: readonly (number | null)[];
}

export interface TimeChart {
  /** What a screen reader says. */
  label: string;
  width: number;
  height: number;
  time: TimeAxis;
  lines: readonly Line[];
  /** A shade between two lines: an interval. */
  ribbon?: { tone: string; low: readonly (number | null)[]; high: readonly (number | null)[] };
  /** Drawn in the plot's full width: what should hold. */
  limits?: readonly { value: number; name: string; ok: boolean }[];
  /** Names of the bands above the plot; without, they are shades only. */
  bandLabels?: boolean;
  log?: boolean;
  /** The values' range; from the values, and from zero unless logarithmic, by default. */
  range?: readonly [number, number];
  axis: (value: number) => string;
  /** For the tooltip. */
  exact: (value: number) => string;
  /** Names at the right end of the lines. */
  endLabels?: boolean;
}

const labelRow = 15;
const mostLabelRows = 3;
const charWidth = 6.2;

/** Lines over time as SVG. The point under the mouse is found by `script.ts`; without it every point still has a title. */
export function timeChart(chart: TimeChart): Markup {
  const { width, height, lines, limits = [], axis, exact } = chart;
  const { seconds, everySeconds, totalSeconds, bands } = chart.time;
  const rows = chart.bandLabels === true ? bandRows(bands, totalSeconds, width) : [];
  const left = 58;
  const right = chart.endLabels === true || width > 800 ? 58 : 10;
  const top = 8 + labelRow * (rows.length === 0 ? 0 : Math.max(...rows.map(({ row }) => row)) + 1);
  const bottom = 22;
  const plot = { left, right: width - right, top, bottom: height - bottom };
  const values = lines.flatMap((line) => line.values).filter((value) => value !== null);
  const shownLimits = limits.filter(({ value }) => values.length > 0 && value <= Math.max(...values) * 3);
  const y = valueScale(chart, [...values, ...shownLimits.map(({ value }) => value)], [plot.bottom, plot.top]);
  const x = linearScale(0, totalSeconds, [plot.left, plot.right], timeTicks(totalSeconds, Math.max(3, width / 110)));
  const middle = (index: number) => x(Math.min(totalSeconds, seconds[index]! + everySeconds / 2));
  const column = (plot.right - plot.left) * (everySeconds / totalSeconds);
  return markup`<svg class="chart time" viewBox="0 0 ${width} ${height}" role="img" aria-label="${chart.label}" data-plot="${plot.left} ${plot.top} ${plot.right} ${plot.bottom}">
${bands.map((band) => bandShape(band, x, plot))}
${rows.map(({ band, row, anchor, atX }) => markup`<text class="event ${tone(band)}" x="${px(atX)}" y="${8 + labelRow * row + 4}" text-anchor="${anchor}">${shorten(band.label, 40)}</text>`)}
${y.ticks.map((tick) => markup`<line class="grid" x1="${plot.left}" x2="${plot.right}" y1="${px(y(tick))}" y2="${px(y(tick))}"/><text class="tick" x="${plot.left - 7}" y="${px(y(tick) + 3.5)}" text-anchor="end">${axis(tick)}</text>`)}
${x.ticks.map((tick) => markup`<text class="tick" x="${px(x(tick))}" y="${plot.bottom + 15}" text-anchor="middle">${clockTime(tick)}</text>`)}
${shownLimits.map(({ value, name, ok }) => markup`<line class="limit ${ok ? "held" : "broken"}" x1="${plot.left}" x2="${plot.right}" y1="${px(y(value))}" y2="${px(y(value))}"/><text class="limit ${ok ? "held" : "broken"}" x="${plot.left + 4}" y="${px(y(value) - 4)}">${name}</text>`)}
${chart.ribbon && ribbonShape(chart.ribbon, middle, y)}
${lines.map((line) => linePath(line, middle, y))}
${chart.endLabels === true && endLabels(lines, y, plot)}
<line class="cross" x1="0" x2="0" y1="${plot.top}" y2="${plot.bottom}"/>
${seconds.map((second, index) => markup`<rect class="hit" data-second="${second}" x="${px(middle(index) - column / 2)}" y="${plot.top}" width="${px(column)}" height="${plot.bottom - plot.top}"><title>${tip(second, everySeconds, lines, index, exact)}</title></rect>`)}
</svg>`;
}

interface Plot {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

function valueScale({ log = false, range, height }: TimeChart, values: readonly number[], pixels: readonly [number, number]) {
  const known = range ?? values;
  const max = known.length === 0 ? 1 : Math.max(...known);
  const min = known.length === 0 ? 0 : Math.min(...known);
  if (log && max > 0) {
    const ticks = logTicks(Math.max(1, min), max);
    return logScale(ticks[0]!, ticks.at(-1)!, pixels, ticks);
  }
  if (range && min > 0) return linearScale(min, max, pixels, [min, (min + max) / 2, max]);
  const ticks = niceTicks(max, height > 150 ? 5 : 3);
  return linearScale(0, ticks.at(-1)!, pixels, ticks);
}

/** A polyline for every stretch without gaps; a point alone is a dot. */
function linePath({ values, tone }: Line, x: (index: number) => number, y: (value: number) => number): Markup[] {
  const runs: string[][] = [[]];
  for (const [index, value] of values.entries())
    if (value === null) runs.push([]);
    else runs.at(-1)!.push(`${px(x(index))} ${px(y(value))}`);
  return runs
    .filter((run) => run.length > 0)
    .map((run) =>
      run.length === 1
        ? markup`<circle class="dot ${tone}" cx="${run[0]!.split(" ")[0]}" cy="${run[0]!.split(" ")[1]}" r="2"/>`
        : markup`<path class="line ${tone}" d="M${run.join("L")}"/>`,
    );
}

/** Where both ends are known; a gap in either closes the shape. */
function ribbonShape(
  { tone, low, high }: NonNullable<TimeChart["ribbon"]>,
  x: (index: number) => number,
  y: (value: number) => number,
): Markup[] {
  const runs: number[][] = [[]];
  for (const [index, value] of low.entries())
    if (value === null || (high[index] ?? null) === null) runs.push([]);
    else runs.at(-1)!.push(index);
  const point = (index: number, value: number) => `${px(x(index))} ${px(y(value))}`;
  return runs
    .filter((run) => run.length > 1)
    .map((run) => {
      const there = run.map((index) => point(index, high[index]!));
      const back = run.toReversed().map((index) => point(index, low[index]!));
      return markup`<path class="ribbon ${tone}" d="M${[...there, ...back].join("L")}Z"/>`;
    });
}

function endLabels(lines: readonly Line[], y: (value: number) => number, plot: Plot): Markup[] {
  const named = lines.flatMap((line) => {
    const last = line.values.findLast((value) => value !== null);
    return last === undefined || last === null ? [] : [{ line, at: y(last) + 4 }];
  });
  const placed = spread(
    named.map(({ at }) => at),
    13,
    [plot.top + 6, plot.bottom],
  );
  return named.map(
    ({ line }, index) =>
      markup`<text class="name ${line.tone}" x="${plot.right + 6}" y="${px(placed[index]!)}">${line.name}</text>`,
  );
}

function bandShape(band: Band, x: (second: number) => number, plot: Plot): Markup {
  const [from, to] = [x(band.from), x(band.to)];
  return markup`<g class="band ${tone(band)}"><rect x="${px(from)}" y="${plot.top}" width="${px(Math.max(1.5, to - from))}" height="${plot.bottom - plot.top}"/><line x1="${px(from)}" x2="${px(from)}" y1="${plot.top - 4}" y2="${plot.bottom}"/><title>${bandTitle(band)}</title></g>`;
}

function bandTitle({ label, from, to }: Band): string {
  return to > from ? `${label}, ${clockTime(from)} to ${clockTime(to)}` : `${label}, ${clockTime(from)}`;
}

function tone({ kind }: Band): string {
  return kind === "fault" ? "fault" : "step";
}

/** Labels of bands in rows, so that none covers another; what finds no row is left to the band's title. */
function bandRows(bands: readonly Band[], totalSeconds: number, width: number) {
  const ends = Array.from({ length: mostLabelRows }, () => Number.NEGATIVE_INFINITY);
  return bands.flatMap((band) => {
    const text = Math.min(40, band.label.length) * charWidth;
    const fromX = 58 + (band.from / totalSeconds) * (width - 116);
    const anchor = fromX + text > width - 4 ? ("end" as const) : ("start" as const);
    const begin = anchor === "start" ? fromX : fromX - text;
    const row = ends.findIndex((end) => end + 8 <= begin);
    if (row === -1) return [];
    ends[row] = begin + text;
    return [{ band, row, anchor, atX: fromX }];
  });
}

function tip(
  second: number,
  everySeconds: number,
  lines: readonly Line[],
  index: number,
  exact: (value: number) => string,
): string {
  const when = everySeconds > 1 ? `${clockTime(second)} – ${clockTime(second + everySeconds)}` : clockTime(second);
  const rows = lines.map(({ name, values }) => {
    const value = values[index];
    return `${name}  ${value === null || value === undefined ? "–" : exact(value)}`;
  });
  return [when, ...rows.toReversed()].join("\n");
}
