import type { ShardRouteResult } from "../planning/result.ts";
import { formatCount, formatPercent } from "../units.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

const tabulated = 200;

/** A line an id: a table of a few, tabs between the fields of many; and how many each node is the first owner of. */
export function shardRouteReport({ source, routes, ids, primaries, file }: ShardRouteResult, style: Style): string {
  const rows = routes.map(({ id, primary, replicas }) => [id, primary, replicas.slice(1).join(", ")]);
  if (rows.length > tabulated) return rows.map((row) => row.join("\t").trimEnd()).join("\n");
  const parts: string[] = [];
  if (rows.length > 0)
    parts.push(table([{ header: "id", flexible: true }, { header: "primary" }, { header: "then" }], rows, style));
  if (file !== null) parts.push(`${formatCount(ids)} routes written to ${file}`);
  if (ids > 1) {
    const counts = Object.entries(primaries).toSorted(([, a], [, b]) => b - a);
    parts.push(
      table(
        [
          { header: "node", flexible: true },
          { header: "ids", align: "right" },
          { header: "", align: "right" },
        ],
        counts.map(([node, count]) => [node, formatCount(count), formatPercent(count / ids)]),
        style,
      ),
    );
  }
  parts.push(style.dim(source));
  return parts.join("\n\n");
}
