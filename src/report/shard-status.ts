import type { ShardStatusResult } from "../planning/result.ts";
import { formatBytes, formatCount, formatDurationMs, formatPercent, plural } from "../units.ts";
import { shareBar } from "./share-bar.ts";
import { fold } from "./shard-plan.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

type TableStatus = ShardStatusResult["tables"][number];

/** Every table with its nodes and what is under way, then who holds what. */
export function shardStatusReport(status: ShardStatusResult, style: Style): string {
  const parts = status.tables.flatMap((each) => tableParts(each, style));
  if (status.native) parts.push(...nativeParts(status.native, style));
  else if (status.tables.length === 0)
    parts.push(`cluster ${status.cluster} has no routing tables: ragctl routes no collection of it yet`);
  if (status.locks.length > 0)
    parts.push(
      table(
        [{ header: "lock" }, { header: "held by", flexible: true }, { header: "ends in", align: "right" }],
        status.locks.map(({ name, purpose, host, pid, remainingMs }) => [
          name,
          `${purpose} (${host}, pid ${pid})`,
          formatDurationMs(remainingMs),
        ]),
        style,
      ),
    );
  if (!status.native)
    parts.push(style.dim(`${status.locks.length === 0 ? "no locks held · " : ""}${plural(status.clients, "client")} at work`));
  return parts.join("\n\n");
}

const stateColor = { serving: "good", joining: "dim", leaving: "warn", stale: "bad" } as const;

function tableParts({ collection, epoch, replicas, placement, nodes, moves, ...rest }: TableStatus, style: Style): string[] {
  const most = Math.max(...nodes.map(({ share }) => share));
  const parts = [
    fold(`${collection} · epoch ${epoch} · ${plural(replicas, "replica")} · ${placement}`, style.columns).replace(
      collection,
      () => style.bold(collection),
    ),
    table(
      [
        { header: "node" },
        { header: "state" },
        { header: "zone" },
        { header: "weight", align: "right" },
        { header: "share" },
        { header: "", align: "right" },
        { header: "points", align: "right" },
      ],
      nodes.map(({ id, state, quiet, zone, weight, share, points }) => [
        id,
        style[stateColor[state]](quiet ? `${state}, quiet` : state),
        zone ?? "-",
        String(Number(weight.toFixed(4))),
        shareBar(share, most, 12),
        formatPercent(share),
        points === null ? style.bad("no answer") : formatCount(points),
      ]),
      style,
    ),
  ];
  if (rest.unservedShare > 0)
    parts.push(style.bad(`${formatPercent(rest.unservedShare)} of the keys have no owner that answers reads`));
  if (moves.length > 0)
    parts.push(
      table(
        [
          { header: "move", flexible: true },
          { header: "phase" },
          { header: "from" },
          { header: "to" },
          { header: "keys", align: "right" },
        ],
        moves.map(({ id, phase, repair, from, to, share }) => [
          id,
          repair ? `${phase}, repair` : phase,
          from,
          to,
          formatPercent(share),
        ]),
        style,
      ),
    );
  return [parts.slice(0, 2).join("\n"), ...parts.slice(2)];
}

function nativeParts(native: NonNullable<ShardStatusResult["native"]>, style: Style): string[] {
  const { collection, shards, transfers, quorum, leader, notes } = native;
  const parts = [
    `${style.bold(collection)} · ${plural(shards.length, "shard")} · ${quorum ? `leader ${leader ?? "unknown"}` : style.bad("no quorum")}`,
    table(
      [
        { header: "shard", align: "right" },
        { header: "points", align: "right" },
        { header: "bytes", align: "right" },
        { header: "on", flexible: true },
      ],
      shards.map(({ id, points, bytes, replicas }) => [
        String(id),
        formatCount(points),
        formatBytes(bytes),
        replicas.map(({ node, state }) => (state === "Active" ? node : style.warn(`${node} ${state}`))).join(", "),
      ]),
      style,
    ),
  ];
  if (transfers.length > 0)
    parts.push(
      table(
        [{ header: "transfer of shard", align: "right" }, { header: "from" }, { header: "to" }, { header: "", flexible: true }],
        transfers.map(({ shardId, from, to, comment }) => [String(shardId), from, to, comment ?? ""]),
        style,
      ),
    );
  if (notes.length > 0) parts.push(notes.map((note) => `- ${note}`).join("\n"));
  return parts;
}
