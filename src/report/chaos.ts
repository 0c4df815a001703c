import type { FaultResult, FaultStatus, HealResult } from "../faults/result.ts";
import { formatDurationMs } from "../units.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

/** What one fault did, and whether it is proven gone. */
export function faultReport(result: FaultResult, style: Style): string {
  const on = result.targets.map(({ node, pid }) => (pid === undefined ? node : `${node} (pid ${pid})`)).join(", ");
  const first = `${result.fault} on ${on} of ${result.cluster} · ${result.id}`;
  if (result.healedAt === null && result.probe === "gone") return `${style.good(first)}\ndone; it cannot be undone`;
  if (result.healedAt === null) return `${style.warn(first)}\nactive until it is healed: ragctl chaos heal ${result.id}`;
  const lasted = formatDurationMs(result.healedAt - result.injectedAt);
  const healing = result.healMs === null ? "" : `, healing took ${formatDurationMs(result.healMs)}`;
  const lines = [style.good(first), `healed and proven gone after ${lasted}${healing}`];
  if (result.stoppedBy) lines.push(style.warn(`stopped before its time: ${result.stoppedBy.reason}`));
  return [...lines, ...recoveryLines(result, style)].join("\n");
}

/** From the injection: when the nodes answered again, and when they served all their data again. */
function recoveryLines({ recovery, targets }: FaultResult, style: Style): string[] {
  if (!recovery) return [];
  const { backMs, stale, servingMs } = recovery;
  if (backMs === null) return [style.bad(`${targets.length === 1 ? "it has" : "they have"} not answered again since`)];
  const back = formatDurationMs(backMs);
  const names = stale.join(", ");
  if (servingMs === null) {
    const why = stale.length === 0 ? "whether it serves could not be told" : `${names} missed writes, and still waits for repair`;
    return [style.warn(`answering again after ${back}; ${why}`)];
  }
  const rto = `RTO ${formatDurationMs(servingMs)}: answering`;
  if (stale.length === 0) return [`${rto} and serving again, no write was missed`];
  return [`${rto} after ${back}, then ${names} repaired in ${formatDurationMs(servingMs - backMs)}`];
}

/** Faults that are there now. */
export function faultStatusReport({ active, broken }: FaultStatus, style: Style): string {
  const parts: string[] = [];
  if (active.length === 0 && broken.length === 0) return style.good("no fault is active");
  if (active.length > 0)
    parts.push(
      table(
        [
          { header: "id", flexible: true },
          { header: "fault" },
          { header: "target" },
          { header: "probe" },
          { header: "lease" },
          { header: "owner" },
        ],
        active.map(({ id, fault, target, probe, leaseEndsAt, owner }) => [
          id,
          fault,
          target,
          probe === "active" ? style.bad(probe) : style.warn(probe),
          leaseEndsAt === null ? "until healed" : new Date(leaseEndsAt).toISOString().slice(11, 19),
          owner.alive ? `pid ${owner.pid}` : "gone",
        ]),
        style,
      ),
    );
  for (const { path, problem } of broken) parts.push(style.bad(`${path} is not a readable heal record: ${problem}`));
  return parts.join("\n");
}

/** What healing achieved. */
export function healReport({ healed, failed }: HealResult, style: Style): string {
  if (healed.length === 0 && failed.length === 0) return style.good("nothing to heal");
  return [
    ...healed.map(({ id, fault, target }) => style.good(`${fault} on ${target}: gone (${id})`)),
    ...failed.map(({ id, fault, target, probe, problem }) => style.bad(`${fault} on ${target}: ${probe} (${id}): ${problem}`)),
  ].join("\n");
}
