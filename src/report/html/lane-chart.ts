import { clockTime, px, shorten } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";
import type { TimeAxis } from "./model.ts";
import { linearScale, timeTicks } from "./scale.ts";
import type { Band } from "./timeline.ts";

export interface LaneChart {
  label: string;
  width: number;
  time: TimeAxis;
  lanes: readonly { name: string; stretches: readonly Band[] }[];
  /** The colour of a kind: one of the classes of style.ts. */
  toneOf: (kind: string) => string;
}

const laneHeight = 20;

/** Who was in what state when: a row a name, on the time axis that all charts share. */
export function laneChart({ label, width, time, lanes, toneOf }: LaneChart): Markup {
  const { seconds, everySeconds, totalSeconds, bands } = time;
  const plot = { left: 58, right: width - 58, top: 8, bottom: 8 + lanes.length * laneHeight };
  const x = linearScale(0, totalSeconds, [plot.left, plot.right], timeTicks(totalSeconds, Math.max(3, width / 110)));
  const column = (plot.right - plot.left) * (everySeconds / totalSeconds);
  const stretch = ({ from, to, label: what, kind }: Band, row: number) =>
    markup`<rect class="bar ${toneOf(kind)}" x="${px(x(from))}" y="${plot.top + row * laneHeight + 4}" width="${px(Math.max(1.5, Math.min(x(to), plot.right) - x(from)))}" height="${laneHeight - 8}"><title>${what} ${kind}, ${clockTime(from)} to ${clockTime(to)}</title></rect>`;
  return markup`<svg class="chart time" viewBox="0 0 ${width} ${plot.bottom + 22}" role="img" aria-label="${label}" data-plot="${plot.left} ${plot.top} ${plot.right + 1.5} ${plot.bottom}">
${bands.map(({ from, to, kind }) => markup`<g class="band ${kind === "fault" ? "fault" : "step"}"><rect x="${px(x(from))}" y="${plot.top}" width="${px(Math.max(1.5, x(to) - x(from)))}" height="${plot.bottom - plot.top}"/></g>`)}
${lanes.map(({ name, stretches }, row) => markup`<text class="tick" x="${plot.left - 7}" y="${plot.top + row * laneHeight + 14}" text-anchor="end">${shorten(name, 8)}</text><line class="grid" x1="${plot.left}" x2="${plot.right}" y1="${plot.top + (row + 1) * laneHeight}" y2="${plot.top + (row + 1) * laneHeight}"/>${stretches.map((each) => stretch(each, row))}`)}
${x.ticks.map((tick) => markup`<text class="tick" x="${px(x(tick))}" y="${plot.bottom + 15}" text-anchor="middle">${clockTime(tick)}</text>`)}
<line class="cross" x1="0" x2="0" y1="${plot.top}" y2="${plot.bottom}"/>
${seconds.map((second) => markup`<rect class="hit" data-second="${second}" x="${px(x(second))}" y="${plot.top}" width="${px(Math.min(column, plot.right - x(second)))}" height="${plot.bottom - plot.top}"><title>${tip(second, everySeconds, lanes)}</title></rect>`)}
</svg>`;
}

function tip(second: number, everySeconds: number, lanes: LaneChart["lanes"]): string {
  const states = lanes.flatMap(({ name, stretches }) => {
    const now = stretches.filter(({ from, to }) => from < second + everySeconds && to > second).map(({ kind }) => kind);
    return now.length === 0 ? [] : [`${name}  ${[...new Set(now)].join(", ")}`];
  });
  return [clockTime(second), ...states].join("\n");
}
