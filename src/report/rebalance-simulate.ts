import type { SimulateResult } from "../rebalance/simulate/result.ts";
import { formatCount, formatDurationMs, formatPercent, plural } from "../units.ts";
import { areaPlot, plotGutter } from "./area-plot.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

type Probe = SimulateResult["curve"][number];
type Layout = SimulateResult["layouts"][number];

/** Numbers of probes that a table shows: all up to eight, then fewer and fewer, the recommended one and all. */
function shownProbes(shards: number, chosen: number): number[] {
  const steps = [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 16, 20, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024];
  return [...new Set([...steps.filter((probes) => probes < shards), chosen, shards])].sort((a, b) => a - b);
}

/** Recalls are shown rounded down: what falls short of a target must not look as if it did not. */
export function recallText(recall: number): string {
  return (Math.floor(recall * 1000 + 1e-9) / 1000).toFixed(3);
}

export function timesMean(ratio: number): string {
  return `${ratio.toFixed(2)} ×`;
}

/** What was simulated: which questions, among what. */
export function simulatedText({ asked, queries, source, k, rows, dim, metric, nodes }: SimulateResult): [string, string] {
  const repeated = asked > queries ? `, ${formatCount(asked)} times asked` : "";
  const on = nodes ? `, on ${plural(nodes.ids.length, "node")} with ${plural(nodes.replicas, "replica")}` : "";
  return [
    `recall@${k} of ${plural(queries, "query")}${repeated} (${source.queries})`,
    `among ${plural(rows, "row")} × ${dim}, ${metric}${on}`,
  ];
}

export function adaptiveText({ adaptive }: Layout, target: number): string[] {
  if (!adaptive) return [];
  const { recall, fanOut, work, fixed, judgedOn } = adaptive;
  return [
    `adaptive: ${fanOut.toFixed(1)} shards on average, recall ${recallText(recall)}, ${formatPercent(work)} of the work`,
    `fixed: ${plural(fixed.probes, "shard")}, recall ${recallText(fixed.recall)}, ${formatPercent(fixed.work)} of the work`,
    `(both set for ${target} on every second query, and judged on the other ${judgedOn})`,
  ];
}

/** A simulation for people: the answer, the curve as a plot and as a table, and the other layouts beside it. */
export function rebalanceSimulateReport(result: SimulateResult, style: Style): string {
  const { curve, layouts, recommendation, target, seconds } = result;
  const right = (header: string) => ({ header, align: "right" as const });
  const probes = shownProbes(curve.length, recommendation.probes).map((count) => curve[count - 1]!);
  const adaptive = adaptiveText(layouts[0]!, target);
  return [
    style.bold(recommendation.sentence),
    ...simulatedText(result).map((line) => style.dim(line)),
    style.dim(`in ${formatDurationMs(seconds * 1000)}`),
    "",
    ...recallPlot(curve, target, style),
    "",
    table(
      ["probes", "recall", "95 % interval", "nodes", "work", "hottest", "1 down", "worst"].map(right),
      probes.map((probe) => probeCells(probe, (text) => (probe.probes === recommendation.probes ? style.bold(text) : text))),
      style,
    ),
    "",
    table(
      [{ header: "layout" }, ...["shards", "largest", "probes", "recall", "nodes", "work", "hottest", "1 down"].map(right)],
      layouts.map(({ name, shards, sizeMaxOverMean, at }) => [
        name,
        `${shards}`,
        timesMean(sizeMaxOverMean),
        `${at.probes}`,
        recallText(at.recall),
        at.nodesTouched.toFixed(1),
        formatPercent(at.work),
        timesMean(at.heatMaxOverMean),
        recallText(at.oneDown.mean),
      ]),
      style,
    ),
    ...(adaptive.length > 0 ? ["", ...adaptive] : []),
  ].join("\n");
}

function probeCells(
  { probes, recall, low, high, nodesTouched, work, heatMaxOverMean, oneDown }: Probe,
  mark: (text: string) => string,
): string[] {
  return [
    `${probes}`,
    recallText(recall),
    `${recallText(low)} … ${recallText(high)}`,
    nodesTouched.toFixed(1),
    formatPercent(work),
    timesMean(heatMaxOverMean),
    recallText(oneDown.mean),
    recallText(oneDown.worst),
  ].map((cell) => mark(cell));
}

/** Recall over the shards probed; a shard is as many columns as there is room for. */
function recallPlot(curve: readonly Probe[], target: number, style: Style): string[] {
  if (curve.length < 2) return [];
  const room = Math.max(20, Math.min(style.columns, 80) - plotGutter);
  const each = Math.max(1, Math.floor(room / curve.length));
  const width = Math.min(room, each * curve.length);
  const at = (column: number) => curve[Math.min(curve.length - 1, Math.floor((column * curve.length) / width))]!.recall;
  const last = `${curve.length}`;
  return [
    ...areaPlot(
      Array.from({ length: width }, (_, column) => at(column)),
      target,
    ),
    `${" ".repeat(plotGutter)}1${last.padStart(width - 1)}`,
    style.dim(`${" ".repeat(plotGutter)}recall over shards probed`),
  ];
}
