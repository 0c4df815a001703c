import { Box, render, Text, useApp, useInput } from "ink";
import { createElement, useEffect, useState, type ReactElement } from "react";
import { cachesOf, cacheText, faultLines, healthColor, nodeCells, nodeColumns, summaryLine } from "../report/status.ts";
import type { NodeStatus, StatusResult } from "../status/result.ts";
import { plural } from "../units.ts";

const colors = { good: "green", warn: "yellow", bad: "red" } as const;

/** One look at a cluster as an ink element. */
export function StatusView({ status, footer }: { status: StatusResult; footer: string }): ReactElement {
  const rows = status.nodes.map(nodeCells);
  const widths = nodeColumns.map(({ header }, column) => Math.max(header.length, ...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) =>
    cells.map((cell, column) =>
      "align" in nodeColumns[column]! ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!),
    );
  return createElement(
    Box,
    { flexDirection: "column" },
    createElement(Text, { bold: true }, summaryLine(status)),
    createElement(Text, { dimColor: true, wrap: "truncate" }, line(nodeColumns.map(({ header }) => header)).join("  ")),
    ...status.nodes.map((node, index) => createElement(NodeRow, { key: node.id, node, cells: line(rows[index]!) })),
    ...status.collections.map(({ name, copies }) =>
      createElement(Text, { key: `c-${name}` }, `${name}: ${plural(copies, "copy")}`),
    ),
    ...cachesOf(status).map(({ name, cache }) =>
      createElement(Text, cache.ok ? { key: name } : { key: name, color: "red" }, `${name} ${cacheText(cache)}`),
    ),
    ...faultLines(status).map((line) => createElement(Text, { key: line, color: "yellow", wrap: "truncate" }, line)),
    createElement(Text, { dimColor: true }, footer),
  );
}

function NodeRow({ node, cells }: { node: NodeStatus; cells: readonly string[] }): ReactElement {
  return createElement(
    Text,
    { wrap: "truncate" },
    `${cells[0]}  `,
    createElement(Text, { color: colors[healthColor[node.health]] }, cells[1]),
    `  ${cells.slice(2).join("  ")}`,
  );
}

export interface WatchOptions {
  first: StatusResult;
  /** Looks again. */
  look: () => Promise<StatusResult>;
  everyMs: number;
  sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  onEach: (status: StatusResult) => void;
}

/** Looks again and again, and draws what it saw; `q` ends it. */
export function LiveStatus({ first, look, everyMs, sleep, onEach }: WatchOptions): ReactElement {
  const [status, setStatus] = useState(first);
  const [problem, setProblem] = useState("");
  const { exit } = useApp();
  useInput((input) => {
    if (input === "q") exit();
  });
  useEffect(() => {
    const stop = new AbortController();
    const loop = async () => {
      while (!stop.signal.aborted) {
        await sleep(everyMs, stop.signal);
        try {
          const next = await look();
          onEach(next);
          setStatus(next);
          setProblem("");
        } catch (error) {
          setProblem(` · ${(error as Error).message}`);
        }
      }
    };
    loop().catch(() => undefined);
    return () => stop.abort();
  }, [look, everyMs, sleep, onEach]);
  const at = new Date(status.at).toISOString().slice(11, 19);
  return createElement(StatusView, { status, footer: `${at} UTC · every ${everyMs / 1000} s · q ends${problem}` });
}

/** Draws on the terminal until `q`, Ctrl-C or the signal. */
export async function watchStatus(options: WatchOptions, stdout: NodeJS.WriteStream, signal: AbortSignal): Promise<void> {
  const app = render(createElement(LiveStatus, options), { stdout, exitOnCtrlC: true, interactive: true });
  signal.addEventListener("abort", () => app.unmount(), { once: true });
  await app.waitUntilExit();
}
