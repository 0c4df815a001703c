import type { CacheInvalidateResult } from "../cache/invalidate/result.ts";
import { formatCount, plural } from "../units.ts";
import { shortKey } from "./cache-key.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

/** What would go, or went, server by server. */
export function cacheInvalidateReport(result: CacheInvalidateResult, style: Style): string {
  const { cluster, patterns, matched, unlinked, failed, dryRun, nodes, examples } = result;
  const what = `of ${patterns.join(", ")} in the cache of ${cluster}`;
  const head =
    matched === 0
      ? `no keys ${what}`
      : dryRun
        ? `${plural(matched, "key")} ${what} would go`
        : failed > 0
          ? style.bad(`${plural(unlinked, "key")} ${what} gone, ${formatCount(failed)} still there`)
          : style.good(`${plural(unlinked, "key")} ${what} gone`);
  const rows = nodes.map((node) => [
    node.address,
    formatCount(node.scanned),
    formatCount(node.matched),
    ...(dryRun ? [] : [formatCount(node.unlinked), formatCount(node.failed)]),
  ]);
  const right = "right" as const;
  const columns = [
    { header: "server", flexible: true },
    { header: "keys", align: right },
    { header: "matched", align: right },
  ];
  const removed = [
    { header: "gone", align: right },
    { header: "left", align: right },
  ];
  const parts = [head, table([...columns, ...(dryRun ? [] : removed)], rows, style)];
  const problems = nodes
    .filter(({ problem }) => problem !== null)
    .map(({ address, problem }) => style.bad(`${address}: ${problem}`));
  if (problems.length > 0) parts.push(problems.join("\n"));
  if (dryRun && examples.length > 0) parts.push(style.dim(`such as ${examples.map(shortKey).join("\n        ")}`));
  return parts.join("\n\n");
}
