import type { CacheStatsResult } from "../cache/stats/result.ts";
import { formatBytes, formatCount, formatDurationMs, formatDurationUs, formatPercent, plural } from "../units.ts";
import { shortKey } from "./cache-key.ts";
import { shareBar } from "./share-bar.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

/** A cache's servers: what is wrong first, then each server, when keys end, and what is slow, big and hot. */
export function cacheStatsReport(stats: CacheStatsResult, style: Style): string {
  const parts = [headline(stats), problems(stats, style), nodeTable(stats, style), expiry(stats, style)];
  parts.push(slowest(stats, style), slowLog(stats, style), keyTable(stats, style));
  return parts.filter(Boolean).join("\n\n");
}

function headline({ cluster, nodes, total }: CacheStatsResult): string {
  const memory = `${formatBytes(total.usedBytes)}${total.maxBytes === null ? "" : ` of ${formatBytes(total.maxBytes)}`}`;
  const hits = total.hitRate === null ? "nothing asked yet" : `${formatPercent(total.hitRate)} hits`;
  return `cache of ${cluster} · ${plural(nodes.length, "server")} · ${plural(total.keys, "key")} · ${memory} · ${hits}`;
}

function problems({ nodes, total }: CacheStatsResult, style: Style): string {
  const lines = nodes.flatMap(({ address, problem, fragmentation, usedBytes, maxBytes, policy }) => {
    if (problem !== null) return [style.bad(`${address}: ${problem}`)];
    const out: string[] = [];
    // Of a few MiB the ratio says nothing.
    if (fragmentation !== null && fragmentation > 1.5 && usedBytes > 64 * 2 ** 20)
      out.push(style.warn(`${address}: fragmentation ${fragmentation.toFixed(2)}: activedefrag would give memory back`));
    if (maxBytes !== null && usedBytes > 0.95 * maxBytes && policy === "noeviction")
      out.push(style.bad(`${address}: nearly full, and its policy is noeviction: writes will be refused`));
    if (maxBytes === null) out.push(style.warn(`${address}: no maxmemory: it grows until the machine is out of memory`));
    return out;
  });
  if (total.imbalance !== null && total.imbalance > 1.25)
    lines.push(style.warn(`the fullest server holds ${total.imbalance.toFixed(2)} times the mean number of keys`));
  return lines.join("\n");
}

function nodeTable({ nodes }: CacheStatsResult, style: Style): string {
  const right = "right" as const;
  return table(
    [
      { header: "server", flexible: true },
      { header: "keys", align: right },
      { header: "hits", align: right },
      { header: "memory", align: right },
      { header: "frag", align: right },
      { header: "evicted", align: right },
      { header: "expired", align: right },
      { header: "ops/s", align: right },
    ],
    nodes.map((node) =>
      node.problem === null
        ? [
            node.address,
            formatCount(node.keys),
            node.hitRate === null ? "-" : formatPercent(node.hitRate),
            node.maxBytes === null ? formatBytes(node.usedBytes) : `${formatPercent(node.usedBytes / node.maxBytes)} full`,
            node.fragmentation === null ? "-" : node.fragmentation.toFixed(2),
            formatCount(node.evicted),
            formatCount(node.expired),
            formatCount(node.opsPerSec),
          ]
        : [node.address, "-", "-", "-", "-", "-", "-", "-"],
    ),
    style,
  );
}

function expiry({ expiry, total }: CacheStatsResult, style: Style): string {
  if (expiry.length === 0) return "";
  const most = Math.max(...expiry.map(({ keys }) => keys));
  const name = (withinMs: number | null) =>
    withinMs === null ? "never" : withinMs === Number.MAX_SAFE_INTEGER ? "later" : `in ${wholeTime(withinMs)}`;
  const rows = expiry.map(({ withinMs, keys }) => [
    name(withinMs),
    formatCount(keys),
    total.keys === 0 ? "-" : formatPercent(keys / total.keys),
    shareBar(keys, most, 30).trimEnd(),
  ]);
  const columns = [
    { header: "keys end" },
    { header: "keys", align: "right" as const },
    { header: "share", align: "right" as const },
  ];
  return table([...columns, { header: "" }], rows, style);
}

function slowest({ slowestCommands }: CacheStatsResult, style: Style): string {
  if (slowestCommands.length === 0) return "";
  return table(
    [
      { header: "slowest commands" },
      { header: "mean", align: "right" },
      { header: "p99", align: "right" },
      { header: "calls", align: "right" },
      { header: "server", flexible: true },
    ],
    slowestCommands.map(({ command, meanUs, p99Us, calls, address }) => [
      command,
      formatDurationUs(meanUs),
      p99Us === null ? "-" : formatDurationUs(p99Us),
      formatCount(calls),
      address,
    ]),
    style,
  );
}

function slowLog({ slowLog, at }: CacheStatsResult, style: Style): string {
  if (slowLog.length === 0) return "";
  return table(
    [
      { header: "slow calls", flexible: true },
      { header: "took", align: "right" },
      { header: "ago", align: "right" },
      { header: "server" },
    ],
    slowLog.map((call) => [
      shortKey(call.command),
      formatDurationUs(call.durationUs),
      formatDurationMs(Math.max(0, at - call.at)),
      call.address,
    ]),
    style,
  );
}

function keyTable({ bigKeys, hotKeys, nodes }: CacheStatsResult, style: Style): string {
  if (bigKeys.length === 0) return "";
  const sampled = nodes.reduce((sum, node) => sum + node.sampledKeys, 0);
  const list = (title: string, rows: string[][]) =>
    table(
      [
        { header: title, flexible: true },
        { header: "type" },
        { header: "bytes", align: "right" },
        { header: "frequency", align: "right" },
      ],
      rows,
      style,
    );
  const row = ({ key, type, bytes }: { key: string; type: string; bytes: number }) => [shortKey(key), type, formatBytes(bytes)];
  const lists = [
    list(
      "big keys",
      bigKeys.map((key) => [...row(key), ""]),
    ),
  ];
  if (hotKeys.length > 0)
    lists.push(
      list(
        "hot keys",
        hotKeys.map((key) => [...row(key), String(key.frequency)]),
      ),
    );
  lists.push(style.dim(`among ${formatCount(sampled)} sampled keys${hotKeys.length > 0 ? "" : "; hot keys: ragctl cache hot"}`));
  return lists.join("\n\n");
}

/** Of a border between stretches, which is a whole number of minutes or hours. */
function wholeTime(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  return minutes % 60 === 0 ? `${minutes / 60} h` : `${minutes} m`;
}
