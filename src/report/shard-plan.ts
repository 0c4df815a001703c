import type { ShardPlanResult } from "../planning/result.ts";
import { formatBytes, formatCount, formatDurationMs, formatPercent, formatRate, plural } from "../units.ts";
import { shareBar } from "./share-bar.ts";
import type { Style } from "./style.ts";
import { markdownTable, table, type Column } from "./table.ts";

const barWidth = 12;
const nodesShown = 24;
const movesShown = 16;

/** A plan for people: what it comes to, a picture of before and after, what moves, and what to know before applying it. */
export function shardPlanReport(plan: ShardPlanResult, style: Style): string {
  const parts = [
    `${style.bold(headline(plan))}\n${style.dim(subject(plan))}`,
    table(nodeColumns(plan), nodeRows(plan, true), style) + hiddenNodes(plan),
    [balanceLine(plan, style), ...priceLines(plan).map((line) => fold(line, style.columns))].join("\n"),
  ];
  if (plan.moves.length > 0) parts.push(table(moveColumns, moveRows(plan, movesShown), style) + hiddenMoves(plan));
  if (plan.notes.length > 0) parts.push(plan.notes.map((note) => fold(`- ${note}`, style.columns)).join("\n"));
  if (plan.file !== null) parts.push(`plan ${plan.planId} written to ${plan.file}`);
  return parts.join("\n\n");
}

/** The same for a pull request or a change ticket; every node and every move is in it. */
export function shardPlanMarkdown(plan: ShardPlanResult): string {
  const plain = { bold: same, dim: same, good: same, bad: same, warn: same };
  const sections = [
    `# Shard plan ${plan.planId}`,
    `**${headline(plan)}**  \n${subject(plan)}`,
    markdownTable(nodeColumns(plan), nodeRows(plan, false)),
    [balanceLine(plan, plain), ...priceLines(plan)].map((line) => `- ${line}`).join("\n"),
  ];
  if (plan.moves.length > 0) sections.push("## Moves", markdownTable(moveColumns, moveRows(plan, Infinity)));
  if (plan.notes.length > 0) sections.push("## To know", plan.notes.map((note) => `- ${note}`).join("\n"));
  if (plan.changes && !plan.offline) sections.push(`\`\`\`\nragctl shard apply ${plan.file ?? "plan.json"}\n\`\`\``);
  return `${sections.join("\n\n")}\n`;
}

function headline(plan: ShardPlanResult): string {
  if (plan.part === 0) return "nothing of it fits into --max-moves and --max-bytes";
  if (!plan.changes)
    return plan.balanced.after
      ? `balanced: largest ÷ mean is ${ratio(plan.after.maxOverMean)}, and at most ${plan.balanced.limit} is good; nothing to do`
      : `not balanced: largest ÷ mean is ${ratio(plan.after.maxOverMean)}, more than ${plan.balanced.limit}`;
  const what = [
    ...(plan.added.length > 0 ? [`${plan.part < 1 ? "begins to take in" : "takes in"} ${list(plan.added)}`] : []),
    ...(plan.removed.length > 0 ? [`empties ${list(plan.removed)}`] : []),
    ...(plan.replicas.before === plan.replicas.after
      ? []
      : [`${plan.replicas.before} → ${plural(plan.replicas.after, "replica")}`]),
  ];
  const moved =
    plan.movedFraction === 0 ? "nothing has to be copied" : `moves ${formatPercent(plan.movedFraction)} of all copies`;
  return [...what, moved].join(", ");
}

function subject(plan: ShardPlanResult): string {
  const where = plan.offline ? "offline" : `collection ${plan.collection} of cluster ${plan.cluster} (${plan.topology})`;
  const { after } = plan.replicas;
  return `${where} · ${plural(after, "replica")} · ${plan.placement}`;
}

function nodeColumns({ before }: ShardPlanResult): Column[] {
  const heat = before.nodes.some(({ queriesPerSec }) => queriesPerSec !== undefined);
  return [
    { header: "node", flexible: true },
    { header: "before" },
    { header: "", align: "right" },
    { header: "after" },
    { header: "", align: "right" },
    { header: "points", align: "right" },
    heat ? { header: "queries", align: "right" } : { header: "bytes", align: "right" },
  ];
}

function nodeRows(plan: ShardPlanResult, brief: boolean): string[][] {
  const before = new Map(plan.before.nodes.map((node) => [node.id, node]));
  const after = new Map(plan.after.nodes.map((node) => [node.id, node]));
  const most = Math.max(...[...before.values(), ...after.values()].map(({ share }) => share));
  const bar = (share: number | undefined) => (share === undefined ? "" : shareBar(share, most, barWidth));
  const share = (value: number | undefined) => (value === undefined ? "-" : formatPercent(value));
  return shownNodes(plan, brief).map((id) => {
    const [was, is] = [before.get(id), after.get(id)];
    const last =
      (is ?? was)?.queriesPerSec === undefined
        ? formatBytes(is?.bytes ?? 0)
        : formatRate((is ?? { queriesPerSec: 0 }).queriesPerSec ?? 0);
    return [id, bar(was?.share), share(was?.share), bar(is?.share), share(is?.share), formatCount(is?.points ?? 0), last];
  });
}

/** All of them, or those that change most. */
function shownNodes({ before, after }: ShardPlanResult, brief: boolean): string[] {
  const ids = [...new Set([...before.nodes, ...after.nodes].map(({ id }) => id))];
  if (!brief || ids.length <= nodesShown) return ids;
  const was = new Map(before.nodes.map(({ id, share }) => [id, share]));
  const is = new Map(after.nodes.map(({ id, share }) => [id, share]));
  const change = (id: string) => Math.abs((is.get(id) ?? 0) - (was.get(id) ?? 0));
  const chosen = new Set(ids.toSorted((a, b) => change(b) - change(a)).slice(0, nodesShown));
  return ids.filter((id) => chosen.has(id));
}

function hiddenNodes({ before, after }: ShardPlanResult): string {
  const count = new Set([...before.nodes, ...after.nodes].map(({ id }) => id)).size - nodesShown;
  return count > 0 ? `\n… and ${count} more that change less (--json, --markdown)` : "";
}

function balanceLine({ before, after, changes, balanced }: ShardPlanResult, style: Pick<Style, "good" | "warn">): string {
  const now = balanced.after ? style.good(ratio(after.maxOverMean)) : style.warn(ratio(after.maxOverMean));
  const was = changes ? `${ratio(before.maxOverMean)} → ` : "";
  const deviation = changes ? `${formatPercent(before.deviation)} → ` : "";
  return `largest ÷ mean ${was}${now} (balanced: at most ${balanced.limit}) · deviation ${deviation}${formatPercent(after.deviation)}`;
}

function priceLines(plan: ShardPlanResult): string[] {
  if (!plan.changes) return [];
  const { movedFraction, minimumFraction, points, bytes, maxRate } = plan;
  const over = minimumFraction > 0 ? ` (${ratio(movedFraction / minimumFraction)} times that)` : "";
  const rate = maxRate.per === "bytes" ? `${formatBytes(maxRate.perSec)}/s` : `${formatCount(maxRate.perSec)} points/s`;
  return [
    `copies ${plural(points, "point")}, ${formatBytes(bytes)}: ${formatPercent(movedFraction)} of all copies, and ${formatPercent(minimumFraction)} is the least for these shares${over}`,
    `first owners change for ${formatPercent(plan.primaryChangedFraction)} of the keys · about ${formatDurationMs(plan.estimatedSeconds * 1000)} at ${rate}`,
  ];
}

const moveColumns: Column[] = [
  { header: "from", flexible: true },
  { header: "to" },
  { header: "points", align: "right" },
  { header: "bytes", align: "right" },
  { header: "serving", align: "right" },
  { header: "what" },
];

function moveRows({ moves }: ShardPlanResult, count: number): string[][] {
  return moves
    .slice(0, count)
    .map(({ from, to, points, bytes, copiesDuring, ...move }) => [
      from,
      move.kind === "drop" || move.kind === "drop-replica" ? "-" : to,
      formatCount(points),
      formatBytes(bytes),
      String(copiesDuring),
      what(move),
    ]);
}

function what({ kind, replaces, selector }: Pick<ShardPlanResult["moves"][number], "kind" | "replaces" | "selector">): string {
  const size =
    selector.kind === "shard"
      ? `shard ${selector.shardId}`
      : selector.kind === "cells"
        ? plural(selector.cells.length, "cell")
        : plural(selector.ranges.length, "range");
  switch (kind) {
    case "rebuild":
      return `${size}, in place of ${replaces}`;
    case "extend":
    case "replicate-shard":
      return `${size}, one copy more`;
    case "drop":
      return `${size}, not on ${replaces} any more`;
    case "drop-replica":
      return `${size}, one copy less`;
    case "move":
    case "move-shard":
      return size;
  }
}

function hiddenMoves({ moves }: ShardPlanResult): string {
  const rest = moves.slice(movesShown);
  if (rest.length === 0) return "";
  return `\n… and ${rest.length} more of ${plural(
    rest.reduce((sum, { points }) => sum + points, 0),
    "point",
  )} (--json, --markdown)`;
}

function list(ids: readonly string[]): string {
  return ids.length > 4 ? `${ids.slice(0, 3).join(", ")} and ${ids.length - 3} more` : ids.join(", ");
}

function ratio(value: number): string {
  return value.toFixed(2);
}

/** Lines of at most that width; those after the first are indented by two. */
export function fold(text: string, width: number): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && longer.length + (lines.length > 1 ? 2 : 0) > width) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines.join("\n  ");
}

const same = (text: string) => text;
