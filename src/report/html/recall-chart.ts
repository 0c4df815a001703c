import type { SimulateResult } from "../../rebalance/simulate/result.ts";
import { formatPercent } from "../../units.ts";
import { px } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";
import { linearScale } from "./scale.ts";

type Curve = SimulateResult["curve"];

export interface RecallChart {
  width: number;
  height: number;
  /** The first has a band of its 95 % interval. Each ends at its own number of shards. */
  lines: readonly { name: string; tone: string; curve: Curve }[];
  target: number;
  /** Of the first line. */
  recommended: number;
}

/** Recall over the share of the work: layouts of different numbers of shards on one axis. */
export function recallChart({ width, height, lines, target, recommended }: RecallChart): Markup {
  const plot = { left: 52, right: width - 20, top: 14, bottom: height - 26 };
  const shares = [0, 0.25, 0.5, 0.75, 1];
  const most = Math.max(1, ...lines.map(({ curve }) => curve.at(-1)!.work));
  const x = linearScale(0, most, [plot.left, plot.right], shares);
  const y = linearScale(0, 1, [plot.bottom, plot.top], shares);
  const at = (work: number, recall: number) => `${px(x(work))} ${px(y(recall))}`;
  const [main] = lines;
  const band = main && [
    ...main.curve.map(({ work, high }) => at(work, high)),
    ...main.curve.toReversed().map(({ work, low }) => at(work, low)),
  ];
  const chosen = main?.curve[recommended - 1];
  return markup`<svg class="chart" viewBox="0 0 ${width} ${height}" role="img" aria-label="Recall over work">
${shares.map((share) => markup`<line class="grid" x1="${plot.left}" x2="${plot.right}" y1="${px(y(share))}" y2="${px(y(share))}"/><text class="tick" x="${plot.left - 7}" y="${px(y(share) + 3.5)}" text-anchor="end">${share}</text>`)}
${shares.map((share) => markup`<line class="grid" x1="${px(x(share))}" x2="${px(x(share))}" y1="${plot.top}" y2="${plot.bottom}"/><text class="tick" x="${px(x(share))}" y="${plot.bottom + 16}" text-anchor="middle">${share * 100} %</text>`)}
<line class="limit" x1="${plot.left}" x2="${plot.right}" y1="${px(y(target))}" y2="${px(y(target))}"/><text class="limit" x="${plot.right - 6}" y="${px(y(target) + 13)}" text-anchor="end">recall ${target}</text>
${band && markup`<path class="ribbon t2" d="M${band.join("L")}Z"/>`}
${lines.toReversed().map(({ tone, curve }) => markup`<path class="line ${tone}" d="M${curve.map(({ work, recall }) => at(work, recall)).join("L")}"/>`)}
${chosen && markup`<circle class="dot recall" cx="${px(x(chosen.work))}" cy="${px(y(chosen.recall))}" r="4.5"/>`}
${lines.map(({ name, curve }) => curve.map(({ probes, recall, work }) => markup`<circle class="hit" cx="${px(x(work))}" cy="${px(y(recall))}" r="6"><title>${name}, ${probes} probed: recall ${recall.toFixed(4)}, ${formatPercent(work)} of the work</title></circle>`))}
</svg>`;
}
