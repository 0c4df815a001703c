import type { ChaosRun, ExperimentResult } from "../experiments/result.ts";
import { formatAvailability, formatCount, formatDurationMs, formatDurationUs, formatPercent } from "../units.ts";
import { chaosPlanReport } from "./chaos-plan.ts";
import { columnsOf, sparkline } from "./sparkline.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

/** An experiment for people: the verdict first, then what it cost, then how it went. */
export function chaosRunReport(result: ChaosRun, style: Style): string {
  if ("dryRun" in result) return chaosPlanReport(result, style);
  return [
    ...verdictLines(result, style),
    "",
    ...costLines(result, style),
    "",
    ...plotLines(result, style),
    "",
    phaseTable(result, style),
    "",
    stepTable(result, style),
    ...result.steps.flatMap(({ name, message }) => (message === undefined ? [] : [style.dim(`${name}: ${message}`)])),
    ...nodeTable(result, style),
  ].join("\n");
}

function paintVerdict(verdict: ExperimentResult["verdict"], style: Style): string {
  const text = style.bold(verdict);
  return verdict === "pass" ? style.good(text) : verdict === "fail" ? style.bad(text) : style.warn(text);
}

function verdictLines(result: ExperimentResult, style: Style): string[] {
  const { verdict, interrupted, experiment, cluster, reasons, load } = result;
  const { name, description } = experiment;
  return [
    `${paintVerdict(verdict, style)}${interrupted ? style.warn(" (interrupted)") : ""} · experiment ${name} on ${cluster}, ${formatDurationMs(load.elapsedMs)}`,
    ...(description === undefined ? [] : [style.dim(description)]),
    ...reasons.map((reason) => `  ${reason}`),
  ];
}

/** A time that may never have come. */
export function orNever(ms: number | null): string {
  return ms === null ? "never" : took(ms);
}

/** What was over at once took no microseconds. */
function took(ms: number): string {
  return ms === 0 ? "0 s" : formatDurationMs(ms);
}

function costLines(result: ExperimentResult, style: Style): string[] {
  const { steadyState, availability, detectMs, failoverMs, recoverMs, recoverAfterHealMs, writes, objectives, phases } = result;
  const row = (name: string, text: string) => `${style.dim(name.padEnd(13))} ${text}`;
  const held = {
    held: style.good("held"),
    failed: style.bad("failed"),
    inconclusive: style.warn("inconclusive"),
    unknown: "unknown",
  };
  const bad = (count: number, name: string) => `${count > 0 ? style.bad(formatCount(count)) : "0"} ${name}`;
  const scheduled = phases.filter(({ name }) => name !== "before").reduce((sum, each) => sum + each.scheduled, 0);
  return [
    row("steady state", `${held[steadyState.before]} before, ${held[steadyState.after]} after`),
    ...steadyState.thresholds.map((each) => row("", style.dim(each))),
    ...(phases.length > 1
      ? [
          row(
            "availability",
            `${formatAvailability(availability)} of ${formatCount(scheduled)} operations from the first fault on`,
          ),
          row(
            "took",
            detectMs === null && recoverMs === 0
              ? "nothing: no client noticed it"
              : `${orNever(detectMs)} to detect · ${failoverMs === null ? "no fail-over" : `${took(failoverMs)} to fail over`} · ${style.bold(orNever(recoverMs))} to recover (RTO)`,
          ),
          row("after healing", `${orNever(recoverAfterHealMs)} to recover`),
        ]
      : []),
    row(
      "writes",
      writes
        ? `${formatCount(writes.acknowledged)} acknowledged · ${bad(writes.lost, "lost")} · ${bad(writes.doubled, "doubled")} · ${bad(writes.stale, "stale")} (RPO)`
        : style.dim("not checked"),
    ),
    ...objectives.map(({ expression, ok }, index) =>
      row(index === 0 ? "objectives" : "", `${ok ? style.good("met") : style.bad("not met")} ${expression}`),
    ),
  ];
}

const labelWidth = 14;
type Second = ExperimentResult["seconds"][number];

/** Availability and p99 over time, and when faults lasted. */
function plotLines({ seconds, steps, load }: ExperimentResult, style: Style): string[] {
  if (seconds.length === 0) return [];
  const columns = Math.max(10, Math.min(100, style.columns - labelWidth - 12));
  const lowest = (stretch: readonly Second[]) =>
    Math.min(...stretch.map(({ scheduled, ok }) => (scheduled === 0 ? 1 : ok / scheduled)));
  const highest = (stretch: readonly Second[]) => {
    const known = stretch.flatMap(({ p99Us }) => p99Us ?? []);
    return known.length === 0 ? null : Math.max(...known);
  };
  const availability = columnsOf(seconds, columns, lowest);
  const p99 = columnsOf(seconds, columns, highest);
  const known = p99.filter((value) => value !== null);
  const row = (name: string, text: string, note: string) =>
    `${style.dim(name.padEnd(labelWidth))}${text} ${style.dim(note)}`.trimEnd();
  const endMs = (seconds.at(-1)?.atMs ?? 0) + 1000;
  const faults = steps.flatMap(({ fault, name }) =>
    fault ? [{ name, from: fault.injectedMs, to: fault.healedMs ?? endMs }] : [],
  );
  const least = Math.min(...availability.map((value) => value ?? 1));
  return [
    ...faults.map(({ name, from, to }) => row(clipped(name), style.warn(band(from, to, endMs, availability.length)), "")),
    row("availability", sparkline(availability, [Math.min(0.9, least), 1]), `≥ ${formatAvailability(least)}`),
    ...(known.length > 0
      ? [
          row(
            "p99",
            sparkline(p99.map((value) => (value === null ? null : Math.log(value)))),
            `≤ ${formatDurationUs(Math.max(...known))}`,
          ),
        ]
      : []),
    row("", `0 s${formatDurationMs(load.elapsedMs).padStart(Math.max(0, availability.length - 3))}`, ""),
  ];
}

function clipped(name: string): string {
  return name.length < labelWidth ? name : `${name.slice(0, labelWidth - 2)}…`;
}

/** Where a fault lasted, on an axis of so many columns. */
function band(fromMs: number, toMs: number, endMs: number, columns: number): string {
  const from = Math.min(columns - 1, Math.floor((fromMs / endMs) * columns));
  const to = Math.min(columns, Math.max(from + 1, Math.ceil((toMs / endMs) * columns)));
  return "·".repeat(from) + "▓".repeat(to - from) + "·".repeat(columns - to);
}

function phaseTable({ phases }: ExperimentResult, style: Style): string {
  const us = (value: number | null) => (value === null ? "-" : formatDurationUs(value));
  const columns = ["operations", "available", "p50", "p99", "recall"].map((header) => ({ header, align: "right" as const }));
  return table(
    [{ header: "" }, ...columns, { header: "thresholds" }],
    phases.map(({ name, scheduled, availability, p50Us, p99Us, recall, thresholds }) => [
      name,
      formatCount(scheduled),
      formatAvailability(availability),
      us(p50Us),
      us(p99Us),
      recall === null ? "-" : recall.toFixed(3),
      thresholds.every(({ ok }) => ok) ? style.good("held") : style.bad(failedOf(thresholds)),
    ]),
    style,
  );
}

/** The first of them, and how many more. */
function failedOf(thresholds: ExperimentResult["phases"][number]["thresholds"]): string {
  const [first, ...more] = thresholds.filter(({ ok }) => !ok);
  return `${first?.expression ?? ""}${more.length > 0 ? ` +${more.length}` : ""}`;
}

function stepTable({ steps }: ExperimentResult, style: Style): string {
  const outcome = (text: (typeof steps)[number]["outcome"]) =>
    text === "done" ? style.good(text) : text === "skipped" ? style.dim(text) : style.bad(text);
  return table(
    [
      { header: "at", align: "right" },
      { header: "step", flexible: true },
      { header: "" },
      { header: "lasted", align: "right" },
      { header: "detect", align: "right" },
      { header: "fail over", align: "right" },
      { header: "recover", align: "right" },
    ],
    steps.map(({ name, startMs, endMs, outcome: how, fault }) => [
      startMs === null ? "" : formatDurationMs(Math.round(startMs / 100) * 100),
      name,
      outcome(how),
      startMs === null || endMs === null ? "" : formatDurationMs(Math.round(endMs - (fault?.injectedMs ?? startMs))),
      fault ? (fault.detectMs === null && fault.recoverMs === 0 ? "-" : orNever(fault.detectMs)) : "",
      fault ? (fault.failoverMs === null ? "-" : took(fault.failoverMs)) : "",
      fault ? orNever(fault.recoverMs) : "",
    ]),
    style,
  );
}

function nodeTable({ nodes }: ExperimentResult, style: Style): string[] {
  if (nodes.length === 0) return [];
  const share = (value: number | null) => (value === null ? "-" : formatPercent(value));
  const lasting = (ms: number) => (ms > 0 ? formatDurationMs(ms) : "-");
  const numbers = ["before", "during", "after", "opened", "open for", "stale for", "hedged"].map((header) => ({
    header,
    align: "right" as const,
  }));
  return [
    "",
    style.dim("requests by node, and what breakers did"),
    table(
      [{ header: "node" }, ...numbers],
      nodes.map(({ node, requestShare: { before, during, after }, breakerOpened, breakerOpenMs, staleMs, hedges }) => [
        node,
        share(before),
        share(during),
        share(after),
        breakerOpened > 0 ? `${breakerOpened}×` : "-",
        lasting(breakerOpenMs),
        lasting(staleMs),
        hedges > 0 ? formatCount(hedges) : "-",
      ]),
      style,
    ),
  ];
}
