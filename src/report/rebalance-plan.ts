import type { RebalancePlanResult } from "../rebalance/plan/result.ts";
import { formatBytes, formatCount, formatDurationMs, formatPercent, plural } from "../units.ts";
import { recallText, timesMean } from "./rebalance-simulate.ts";
import { shareBar } from "./share-bar.ts";
import { fold } from "./shard-plan.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

const barWidth = 12;
const groupsShown = 16;

/** A plan for people: what it comes to, each node before and after, what moves together, and what to expect of searches. */
export function rebalancePlanReport(plan: RebalancePlanResult, style: Style): string {
  const { collection, cluster, changes, notes, file, planId } = plan;
  const parts = [
    `${style.bold(headline(plan))}\n${style.dim(`collection ${collection} of cluster ${cluster}`)}`,
    [`from   ${plan.from}`, `to     ${plan.to}`, ...besideLines(plan), ...expectedLines(plan)]
      .map((line) => fold(line, style.columns))
      .join("\n"),
  ];
  if (changes && (plan.groups.length > 0 || plan.beside !== null)) parts.push(nodesTable(plan, style), priceText(plan, style));
  if (changes && plan.groups.length > 0) parts.push(groupsTable(plan, style));
  if (plan.copies) parts.push(nodesTable(plan, style), copiesText(plan, plan.copies, style));
  if (notes.length > 0) parts.push(notes.map((note) => fold(`- ${note}`, style.columns)).join("\n"));
  if (file !== null) parts.push(`plan ${planId} written to ${file}`);
  return parts.join("\n\n");
}

function headline({ changes, groups, copies, movedFraction, probes, to, beside, reverses }: RebalancePlanResult): string {
  if (!changes) return `nothing to do: it is placed so already (${to})`;
  if (copies)
    return `${copies.keep ? "keeps" : "takes away"} ${plural(copies.points, "copy")} of points near boundaries of cells`;
  if (beside !== null) return "copies everything into a second collection, and switches to it once";
  if (groups.length === 0 && reverses !== null) return "gives up what was begun: nothing of what serves moves";
  if (groups.length === 0)
    return `nothing moves: searches ask ${probes === null ? "all cells" : plural(probes, "cell")} from then on`;
  return `moves ${formatPercent(movedFraction)} of all copies, in ${plural(groups.length, "group")}`;
}

function besideLines({ changes, beside }: RebalancePlanResult): string[] {
  return changes && beside !== null ? [`in     ${beside}, on the same nodes`] : [];
}

function expectedLines({ expected }: RebalancePlanResult): string[] {
  if (!expected) return [];
  const { k, probes, recall, nodesTouched, heatMaxOverMean } = expected;
  const heat = heatMaxOverMean === null ? "" : `, hottest node ${timesMean(heatMaxOverMean)} the mean`;
  return [
    `then   recall@${k} ${recallText(recall)} probing ${probes === null ? "all cells" : plural(probes, "cell")}, ${nodesTouched.toFixed(2)} nodes a query${heat}`,
  ];
}

function nodesTable({ before, after }: RebalancePlanResult, style: Style): string {
  const was = new Map(before.nodes.map((node) => [node.id, node]));
  const most = Math.max(...[...before.nodes, ...after.nodes].map(({ share }) => share));
  const rows = after.nodes.map(({ id, share, points, bytes }) => {
    const old = was.get(id)?.share ?? 0;
    return [
      id,
      shareBar(old, most, barWidth),
      formatPercent(old),
      shareBar(share, most, barWidth),
      formatPercent(share),
      formatCount(points),
      formatBytes(bytes),
    ];
  });
  const right = (header: string) => ({ header, align: "right" as const });
  return table(
    [
      { header: "node", flexible: true },
      { header: "before" },
      right(""),
      { header: "after" },
      right(""),
      right("points"),
      right("bytes"),
    ],
    rows,
    style,
  );
}

function priceText(plan: RebalancePlanResult, style: Style): string {
  const { before, after, points, bytes, movedFraction, minimumFraction, backfill, estimatedSeconds, beside } = plan;
  const total = ({ nodes }: typeof before) => nodes.reduce((sum, node) => sum + node.bytes, 0);
  return [
    `largest ÷ mean ${before.maxOverMean.toFixed(2)} → ${after.maxOverMean.toFixed(2)}`,
    `copies ${plural(points, "point")}, ${formatBytes(bytes)}: ${formatPercent(movedFraction)} of all copies, and ${formatPercent(minimumFraction)} is the least for these shares`,
    ...(beside === null
      ? []
      : [`until the old collection is dropped the nodes hold both: ${formatBytes(total(before) + total(after))} in all`]),
    `${backfill > 0 ? `stamps ${plural(backfill, "point")} with its cell before anything moves · ` : ""}about ${formatDurationMs(estimatedSeconds * 1000)}`,
  ]
    .map((line) => fold(line, style.columns))
    .join("\n");
}

function copiesText(
  { backfill, estimatedSeconds }: RebalancePlanResult,
  { keep, ratio, share, bytes }: NonNullable<RebalancePlanResult["copies"]>,
  style: Style,
): string {
  const near = ratio === null ? "" : `; a second centroid is at most ${ratio.toFixed(3)} times as far`;
  return [
    `${keep ? "" : "frees "}${formatBytes(bytes)}, ${formatPercent(share)} of all copies${near}`,
    `${backfill > 0 ? `stamps ${plural(backfill, "point")} with its second cell before that · ` : ""}about ${formatDurationMs(estimatedSeconds * 1000)}`,
  ]
    .map((line) => fold(line, style.columns))
    .join("\n");
}

function groupsTable({ groups }: RebalancePlanResult, style: Style): string {
  const right = (header: string) => ({ header, align: "right" as const });
  const rows = groups
    .slice(0, groupsShown)
    .map(({ id, cells, owners, points, bytes }) => [
      id,
      owners.join(", "),
      cells === null ? "hashes" : plural(cells.length, "cell"),
      formatCount(points),
      formatBytes(bytes),
    ]);
  const rest = groups.length > groupsShown ? `\n… and ${groups.length - groupsShown} more (--json)` : "";
  return (
    table(
      [{ header: "group" }, { header: "to", flexible: true }, { header: "what" }, right("points"), right("bytes")],
      rows,
      style,
    ) + rest
  );
}
