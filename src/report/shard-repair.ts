import type { LockResult, ShardAdoptResult, ShardRepairResult } from "../migration/result.ts";
import { formatCount, formatDurationMs, plural } from "../units.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

export function shardRepairReport({ repaired, stale, cluster }: ShardRepairResult, style: Style): string {
  if (repaired.length + stale.length === 0) return `${style.good("nothing to repair:")} no node of cluster ${cluster} is stale`;
  return [
    ...repaired.map(
      ({ collection, node, points, elapsedMs }) =>
        `${style.good("in service again:")} ${node}, ${collection}: ${plural(points, "point")} copied in ${formatDurationMs(elapsedMs)}`,
    ),
    ...stale.map(({ collection, node, reason }) => `${style.bad("still stale:")} ${node}, ${collection}: ${reason}`),
  ].join("\n");
}

export function shardAdoptReport(result: ShardAdoptResult, style: Style): string {
  const { collection, cluster, points, stamped, members, joining, epoch } = result;
  const lines = [
    `${style.good("adopted:")} ${collection} of cluster ${cluster}, epoch ${epoch}`,
    `  ${plural(points, "copy")}, ${formatCount(stamped)} stamped in this run · on ${members.join(", ")}`,
  ];
  if (joining.length > 0) lines.push(`  joining, and owning nothing until a plan brings them in: ${joining.join(", ")}`);
  return lines.join("\n");
}

/** Who holds what since when. */
export function lockReport({ locks, released, cluster, store }: LockResult, style: Style): string {
  const parts = released.map((name) => `${style.good("released:")} ${name}`);
  if (locks.length === 0) parts.push(`no locks are held in cluster ${cluster} ${style.dim(`(${store})`)}`);
  else
    parts.push(
      table(
        [{ header: "lock" }, { header: "held by", flexible: true }, { header: "since" }, { header: "lease", align: "right" }],
        locks.map(({ name, purpose, host, pid, alive, acquiredAtMs, remainingMs }) => [
          name,
          `${purpose} (pid ${pid} on ${host}${alive === false ? style.bad(", dead") : ""})`,
          new Date(acquiredAtMs).toISOString().slice(0, 19).replace("T", " "),
          remainingMs > 0 ? formatDurationMs(remainingMs) : style.warn("over"),
        ]),
        style,
      ),
    );
  return parts.join("\n");
}
