import { formatCount, formatDurationUs } from "../../units.ts";
import type { LoadResult } from "../../load/result.ts";
import { axisDuration, duration } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";
import type { Model } from "./model.ts";
import { htmlTable, section } from "./tables.ts";
import { timeChart } from "./time-chart.ts";

type NodeFigures = LoadResult["perNode"][number];

/** Small multiples on one scale: the node that differs stands out. Without figures over time, a table. */
export function nodesSection(model: Model): Markup | undefined {
  const { perNode } = model.result;
  if (perNode.length === 0) return undefined;
  const { points } = model.series;
  const told = points.some(({ nodes }) => Object.keys(nodes).length > 0);
  const lead = `Service time of single requests to each node${told ? ", all on one scale" : ""}. One operation may ask several nodes. ${slowest(perNode)}`;
  if (!told) return section("nodes", "By node", lead, nodesTable(perNode));
  const range = [0, Math.max(1, ...points.flatMap(({ nodes }) => Object.values(nodes).map(({ p99Us }) => p99Us ?? 0)))] as const;
  const charts = perNode.map((node) => nodeChart(model, node, range));
  return section("nodes", "By node", lead, markup`<div class="cols nodes">${charts}</div>`);
}

function nodeChart({ axis, series }: Model, figures: NodeFigures, range: readonly [number, number]): Markup {
  const { node, requests, errors, serviceTimeUs } = figures;
  const of = (name: "p50Us" | "p99Us") => series.points.map(({ nodes }) => nodes[node]?.[name] ?? null);
  const chart = timeChart({
    label: `Service time of node ${node} over time: p50 and p99`,
    width: 340,
    height: 120,
    time: axis,
    lines: [
      { name: "p50", tone: "t1", values: of("p50Us") },
      { name: "p99", tone: "t3", values: of("p99Us") },
    ],
    range,
    axis: axisDuration,
    exact: formatDurationUs,
  });
  return markup`<div class="node"><h3>${node}${errors > 0 && markup` <span class="bad">· ${formatCount(errors)} not ok</span>`}</h3><p>p50 ${duration(serviceTimeUs.p50)} · p99 ${duration(serviceTimeUs.p99)} · ${formatCount(requests)} requests</p>${chart}</div>`;
}

function nodesTable(perNode: readonly NodeFigures[]): Markup {
  return htmlTable(
    ["node", ">requests", ">not ok", ">p50", ">p95", ">p99", ">max"],
    perNode.map(({ node, requests, errors, serviceTimeUs: { p50, p95, p99, max } }) => [
      node,
      formatCount(requests),
      markup`<span class="${errors > 0 ? "bad" : ""}">${formatCount(errors)}</span>`,
      duration(p50),
      duration(p95),
      duration(p99),
      duration(max),
    ]),
  );
}

function slowest(perNode: readonly NodeFigures[]): string {
  const known = perNode.filter(({ serviceTimeUs }) => serviceTimeUs.p99 !== null);
  const [first, ...rest] = known.toSorted((a, b) => b.serviceTimeUs.p99! - a.serviceTimeUs.p99!);
  const second = rest[0];
  if (!first || !second) return "";
  const times = first.serviceTimeUs.p99! / Math.max(1, second.serviceTimeUs.p99!);
  return times >= 1.3 ? `${first.node} was slowest: its p99 is ${times.toFixed(1)} times the next one's.` : "";
}
