import { formatCount, formatPercent, plural } from "../../units.ts";
import type { SeriesPoint } from "../../load/export/result.ts";
import { markup, type Markup } from "./markup.ts";
import type { Model } from "./model.ts";
import { stackChart } from "./stack-chart.ts";
import { htmlTable, legend, section } from "./tables.ts";

const tones = ["e1", "e2", "e3", "e4", "e5"] as const;

interface Loss {
  name: string;
  count: number;
  tone: string;
  /** By point of the time axis. */
  over: number[];
}

/** The books: every operation that was due is in exactly one place. */
export function countsSection(model: Model): Markup {
  const { scheduled, sent, completed, ok, errors, dropped, unfinished } = model.result.counts;
  const losses = lossesOf(model);
  const width = (count: number) => `${scheduled === 0 ? 0 : Math.round((count / scheduled) * 100_000) / 1000}%`;
  const bar = markup`<div class="parts" role="img" aria-label="${formatCount(ok)} of ${formatCount(scheduled)} ok"><i class="ok" style="width:${width(ok)}"></i>${losses.map(({ count, tone }) => markup`<i class="${tone}" style="width:${width(count)}"></i>`)}</div>`;
  const sum = (whole: string, total: number, parts: [string, number][]) =>
    markup`<span>${formatCount(total)} ${whole}</span>${parts.map(([name, count], index) => markup`<span>${index === 0 ? "= " : "+ "}<span class="${index > 0 && count > 0 ? "bad" : ""}">${formatCount(count)} ${name}</span></span>`)}`;
  const books = markup`<div class="sum">${sum("scheduled", scheduled, [
    ["sent", sent],
    ["dropped", dropped],
  ])}${sum("sent", sent, [
    ["completed", completed],
    ["unfinished", unfinished],
  ])}${sum("completed", completed, [
    ["ok", ok],
    ["errors", errors],
  ])}</div>`;
  const lead =
    ok === scheduled
      ? "Everything that was due was sent, answered and ok."
      : `${formatPercent(ok / Math.max(1, scheduled))} of what was due came back ok.`;
  return section("counts", "Operations", lead, [bar, books]);
}

/** What was not ok, by cause over time; nothing where all was well. */
export function lossesSection(model: Model): Markup | undefined {
  const losses = lossesOf(model);
  if (losses.length === 0) return undefined;
  const { axis, result } = model;
  const chart = stackChart({
    label: "Operations that were not ok, by cause over time",
    width: 1072,
    height: 150,
    time: axis,
    layers: losses.map(({ name, tone, over }) => ({ name, tone, counts: over })),
  });
  const total = losses.reduce((all, { count }) => all + count, 0);
  const [first] = losses;
  const lead = `${plural(total, "operation")} by the second they were due in; ${first!.name} leads with ${formatPercent(first!.count / total)}.`;
  const nodes = result.perNode.filter(({ errors }) => errors > 0);
  const byNode =
    nodes.length > 0 &&
    htmlTable(
      ["node", ">requests", ">not ok", "causes"],
      nodes.map(({ node, requests, errors, errorsByCause }) => [
        node,
        formatCount(requests),
        formatCount(errors),
        causes(errorsByCause),
      ]),
    );
  return section("errors", "Errors and drops over time", lead, [
    legend(losses.map(({ name, count, tone }) => ({ name: `${name} ${formatCount(count)}`, tone }))),
    chart,
    byNode,
  ]);
}

function causes(byCause: Record<string, number>): string {
  return Object.entries(byCause)
    .filter(([, count]) => count > 0)
    .toSorted(([, a], [, b]) => b - a)
    .map(([cause, count]) => `${cause} ${formatCount(count)}`)
    .join(", ");
}

/** Causes by size; the smallest share a colour. */
function lossesOf(model: Model): Loss[] {
  const { errorsByCause, droppedByCause, counts } = model.result;
  const { points } = model.series;
  const over = (count: (point: SeriesPoint) => number) => points.map(count);
  const entries: [name: string, count: number, over: number[]][] = [
    ...Object.entries(errorsByCause).map(([cause, count]): [string, number, number[]] => [
      cause,
      count,
      over((point) => point.errorsByCause[cause] ?? 0),
    ]),
    [
      counts.dropped > 0 && Object.values(droppedByCause).filter((count) => count > 0).length === 1
        ? `dropped (${Object.entries(droppedByCause).find(([, count]) => count > 0)![0]})`
        : "dropped",
      counts.dropped,
      over(({ counts }) => counts.dropped),
    ],
    ["unfinished", counts.unfinished, over(({ counts }) => counts.unfinished)],
  ];
  const sorted = entries.filter(([, count]) => count > 0).toSorted(([, a], [, b]) => b - a);
  const named = sorted.length > tones.length ? sorted.slice(0, tones.length - 1) : sorted;
  const rest = sorted.slice(named.length);
  const losses = named.map(([name, count, over], index): Loss => ({ name, count, over, tone: tones[index]! }));
  if (rest.length > 0)
    losses.push({
      name: `${rest.length} other causes`,
      count: rest.reduce((all, [, count]) => all + count, 0),
      over: points.map((_, index) => rest.reduce((all, [, , over]) => all + over[index]!, 0)),
      tone: tones.at(-1)!,
    });
  return losses;
}
