import type { RunsResult } from "../runs/result.ts";
import { formatDurationMs, plural } from "../units.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

type Summary = RunsResult["runs"][number];

export function runsReport(result: RunsResult, style: Style): string {
  const pruned = result.pruned.length > 0 ? [`removed ${plural(result.pruned.length, "old run")}`] : [];
  if (result.run) return runReport(result.run, result.asOf, style);
  if (result.runs.length === 0) return [...pruned, `no runs in ${result.dir}`].join("\n");
  const rows = result.runs.map((run) => [
    run.id,
    run.command,
    run.cluster ?? "",
    state(run, style),
    ago(result.asOf - run.startedAt),
    took(run, result.asOf),
  ]);
  const columns = [
    { header: "run" },
    { header: "command", flexible: true },
    { header: "cluster" },
    { header: "outcome" },
    { header: "began", align: "right" as const },
    { header: "took", align: "right" as const },
  ];
  const more = result.total - result.runs.length;
  return [...pruned, table(columns, rows, style), ...(more > 0 ? [style.dim(`and ${more} older; --limit shows more`)] : [])].join(
    "\n",
  );
}

function runReport(run: NonNullable<RunsResult["run"]>, asOf: number, style: Style): string {
  const facts: [string, string | undefined][] = [
    ["run", run.id],
    ["command", run.command],
    ["cluster", run.cluster],
    ["outcome", state(run, style)],
    ["began", new Date(run.startedAt).toISOString()],
    ["took", took(run, asOf)],
    ["resume", run.resume],
    ["files", run.dir],
  ];
  const events = run.events.map((event) => [
    `+${formatDurationMs(event.at - run.startedAt)}`,
    event.kind,
    event.name,
    event.phase,
    event.detail === undefined ? "" : JSON.stringify(event.detail),
  ]);
  const columns = [
    { header: "at", align: "right" as const },
    { header: "kind" },
    { header: "name" },
    { header: "phase" },
    { header: "detail", flexible: true },
  ];
  return [
    ...facts.filter(([, value]) => value !== undefined).map(([name, value]) => `${style.dim(name.padEnd(8))} ${value}`),
    ...(events.length > 0 ? ["", table(columns, events, style)] : []),
  ].join("\n");
}

function state(run: Summary, style: Style): string {
  const telling = run.exitCode && !run.verdict && run.state !== "interrupted";
  const text = `${run.verdict ?? run.state}${telling ? ` (exit ${run.exitCode})` : ""}${run.resume ? ", resumable" : ""}`;
  if (run.state === "running") return style.warn(text);
  return run.state === "done" && !run.exitCode ? style.good(text) : style.bad(text);
}

/** 34 s, 12 m, 5 h, 3 d: as much as one needs to find a run. */
function ago(ms: number): string {
  const seconds = ms / 1000;
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} m ago`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} d ago`;
}

function took(run: Summary, asOf: number): string {
  if (run.state === "dead") return "?";
  return formatDurationMs((run.endedAt ?? asOf) - run.startedAt);
}
