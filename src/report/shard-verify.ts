import type { ShardVerifyResult } from "../migration/result.ts";
import { formatCount, plural } from "../units.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

/** Whether all replicas agree, and where they do not. */
export function shardVerifyReport(result: ShardVerifyResult, style: Style): string {
  const { clean, checked, missing, orphaned, different, nodes, examples, repaired, moves, sampledVectors, problems } = result;
  const where = `collection ${result.collection} of cluster ${result.cluster}`;
  const verdict = clean ? style.good("clean:") : style.bad("not clean:");
  const parts = [
    [
      style.bold(`${verdict} ${plural(checked, "point")} of ${where}`),
      `  ${count(missing, "missing", style)} · ${count(orphaned, "orphaned", style)} · ${count(different, "different", style)}` +
        style.dim(` · ${formatCount(sampledVectors)} compared whole`),
    ].join("\n"),
  ];
  if (nodes.length > 0)
    parts.push(
      table(
        [
          { header: "node" },
          { header: "state" },
          { header: "points", align: "right" },
          { header: "checksum" },
          { header: "missing", align: "right" },
          { header: "orphaned", align: "right" },
          { header: "different", align: "right" },
        ],
        nodes.map((node) => [
          node.id,
          node.state === "serving" ? node.state : style.warn(node.state),
          node.points === null ? style.dim("not asked") : formatCount(node.points),
          node.checksum ?? "-",
          bad(node.missing, style),
          bad(node.orphaned, style),
          bad(node.different, style),
        ]),
        style,
      ),
    );
  if (examples.length > 0)
    parts.push(
      table(
        [{ header: "key" }, { header: "problem" }, { header: "node" }, { header: "versions", flexible: true }],
        examples.map(({ key, problem, node, detail }) => [key, problem, node, detail]),
        style,
      ),
    );
  if (problems.length > 0) parts.push(problems.map((problem) => `  ${style.bad("•")} ${problem}`).join("\n"));
  if (repaired) parts.push(`repaired: ${plural(repaired.copied, "copy")} written, ${plural(repaired.deleted, "orphan")} deleted`);
  if (moves > 0) parts.push(style.dim(`${plural(moves, "move")} in flight: what they copy is no orphan`));
  return parts.join("\n\n");
}

function count(n: number, what: string, style: Style): string {
  return n === 0 ? style.dim(`0 ${what}`) : style.bad(`${formatCount(n)} ${what}`);
}

function bad(n: number, style: Style): string {
  return n === 0 ? style.dim("0") : style.bad(formatCount(n));
}
