import type { CacheHotResult, HotKey } from "../cache/hot/result.ts";
import { formatCount, formatDurationMs, formatDurationUs, formatPercent } from "../units.ts";
import { shortKey } from "./cache-key.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

/** What is asked for most, and how that is known. */
export function cacheHotReport({ cluster, because, windowMs, keys, sampledKeys }: CacheHotResult, style: Style): string {
  const over = windowMs === null ? "" : `, over ${formatDurationMs(windowMs)}`;
  const among = sampledKeys === null ? "" : `, among ${formatCount(sampledKeys)} sampled keys`;
  const head = `hot keys of ${cluster}${over}${among}\n${style.dim(because)}`;
  if (keys.length === 0) return `${head}\n\nnothing has been counted yet`;
  const rows = keys.map((key) => [key.query === null ? shortKey(key.key ?? "") : shorten(key.query), ...figures(key)]);
  return [
    head,
    table(
      [
        { header: "question or key", flexible: true },
        { header: "score", align: "right" },
        { header: "share", align: "right" },
        { header: "server" },
      ],
      rows,
      style,
    ),
  ].join("\n\n");
}

function figures({ score, unit, share, address }: HotKey): string[] {
  const text = unit === "cpuUs" ? formatDurationUs(score) : formatCount(score);
  return [text, share === null ? "-" : formatPercent(share), address ?? "-"];
}

function shorten(text: string): string {
  return text.length <= 42 ? text : `${text.slice(0, 41)}…`;
}
