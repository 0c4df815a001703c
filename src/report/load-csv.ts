import type { LoadResult } from "../load/result.ts";

type Window = LoadResult["windows"][number];

const columns: readonly (readonly [name: string, value: (window: Window) => number | string | null])[] = [
  ["second", ({ second }) => second],
  ["seconds", ({ seconds }) => seconds],
  ...(["scheduled", "sent", "completed", "ok", "errors", "dropped", "unfinished"] as const).map(
    (name) => [name, ({ counts }: Window) => counts[name]] as const,
  ),
  ...(["responseTimeUs", "serviceTimeUs", "scheduleLagUs"] as const).flatMap((kind) =>
    (["p50", "p95", "p99", "max"] as const).map(
      (name) => [`${kind.replace(/Us$/, "")}_${name}_us`, (window: Window) => window[kind][name]] as const,
    ),
  ),
];

/**
 * Windows as CSV (RFC 4180, but lines end with a newline alone): one a row, times in µs, nothing where there was no sample. After the fixed columns: recalls,
 * each cause of errors and each node's p99 that occurs in the run.
 */
export function loadCsv({ windows }: LoadResult): string {
  const names = (of: (window: Window) => object | undefined) => [
    ...new Set(windows.flatMap((window) => Object.keys(of(window) ?? {}))),
  ];
  const all = [
    ...columns,
    ...names(({ recall }) => recall).map((name) => [name, ({ recall }: Window) => recall?.[name]?.mean ?? null] as const),
    ...names(({ times }) => times).map((name) => [`${name}_p95_us`, ({ times }: Window) => times?.[name]?.p95 ?? null] as const),
    ...names(({ errorsByCause }) => errorsByCause).map(
      (cause) => [`errors_${cause}`, ({ errorsByCause }: Window) => errorsByCause[cause] ?? 0] as const,
    ),
    ...names(({ perNode }) => perNode).map(
      (node) => [`node_${node}_p99_us`, ({ perNode }: Window) => perNode[node]?.serviceTimeUs.p99 ?? null] as const,
    ),
  ];
  const rows = [all.map(([name]) => name), ...windows.map((window) => all.map(([, value]) => value(window) ?? ""))];
  return rows.map((row) => `${row.map((cell) => field(String(cell))).join(",")}\n`).join("");
}

function field(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
