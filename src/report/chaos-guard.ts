import { describePart, namesOf, type BlastRadius, type CollectionRadius } from "../faults/guard/result.ts";
import { formatPercent } from "../units.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

const impacts: Record<BlastRadius["impact"], string> = {
  silences: "stops serving",
  weakens: "serves on, worse",
  cache: "no node is touched",
};

/** What a fault would do: which part of the data, which searches, who answers instead, and what stands against it. */
export function blastRadiusReport(radius: BlastRadius, style: Style): string {
  const { fault, cluster, nodes, impact, touched, down, consensus, refusals } = radius;
  const on = nodes.length === 0 ? cluster : `${namesOf(nodes)} of ${cluster}`;
  const lines = [`${style.bold(`${fault} on ${on}`)} · dry run, nothing was touched`];
  const reach = impact === "cache" ? "" : ` · faults on ${touched.nodes} of ${touched.of} nodes, ${touched.allowed} allowed`;
  lines.push(`${impacts[impact]}${reach}${down.length > 0 ? ` · down already: ${namesOf(down)}` : ""}`);
  if (consensus) lines.push(`consensus: ${consensus.left} of ${consensus.peers} peers left, ${consensus.needed} needed`);
  for (const collection of radius.collections) lines.push(...collectionLines(collection, impact, style));
  if (refusals.length === 0) lines.push(style.good("nothing stands against it"));
  for (const { message, hint } of refusals)
    lines.push(style.bad(`refused: ${message}`), ...(hint ? [style.dim(`  ${hint}`)] : []));
  return lines.join("\n");
}

function collectionLines(radius: CollectionRadius, impact: BlastRadius["impact"], style: Style): string[] {
  const { collection, affected, unserved, queries, needed, reads } = radius;
  if (affected.share === 0) return ["", `${style.bold(collection)}: nothing of it is touched`];
  const owners = needed === 1 ? "a serving owner" : `${needed} serving owners`;
  const lines = ["", `${style.bold(collection)}: ${describePart(affected, collection)} touched`];
  if (unserved.share > 0) lines.push(style.bad(`  left without ${owners}: ${describePart(unserved, collection)}`));
  lines.push(
    `  searches: ${formatPercent(queries.asking)} ask there until it is routed around, ${formatPercent(queries.failing)} fail`,
  );
  if (impact !== "silences") return lines;
  const rows = reads.map(({ node, before, after }) => [`  ${node}`, formatPercent(before), formatPercent(after)]);
  const columns = [
    { header: "  reads by" },
    { header: "now", align: "right" as const },
    { header: "then", align: "right" as const },
  ];
  return [...lines, table(columns, rows, style)];
}
