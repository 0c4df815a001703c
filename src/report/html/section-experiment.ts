import type { ExperimentResult } from "../../experiments/result.ts";
import { formatAvailability, formatCount, formatDurationMs, formatDurationUs, formatPercent } from "../../units.ts";
import { clockTime, duration } from "./figures.ts";
import { markup, type Content, type Markup } from "./markup.ts";
import type { TimeAxis } from "./model.ts";
import { htmlTable, section } from "./tables.ts";
import { timeChart } from "./time-chart.ts";

const words = { pass: "✓ pass", fail: "✕ fail", inconclusive: "? inconclusive" } as const;

/** What a reader wants first: the verdict, why, and what it cost. */
export function experimentHeader(result: ExperimentResult, version: string, runId: string | undefined): Markup {
  const { verdict, reasons, interrupted, experiment, cluster, startedAt, load } = result;
  const shown =
    reasons.length > 0
      ? reasons
      : verdict === "pass"
        ? ["the steady state held before and again afterwards, and every objective was met"]
        : [];
  return markup`<header>
<div class="over"><span>ragctl ${version} chaos report</span><span>${startedAt.slice(0, 19).replace("T", " ")} UTC${runId !== undefined && ` · run ${runId}`}</span></div>
<div class="verdict"><h1 class="${verdict}" id="verdict">${words[verdict]}</h1><p>${experiment.name} on ${cluster}, ${formatDurationMs(load.elapsedMs)}${interrupted && markup` <span class="warn">(interrupted)</span>`}</p></div>
<p class="what">${experiment.description ?? experiment.file}</p>
${shown.length > 0 && markup`<ul class="reasons ${verdict}">${shown.map((reason) => markup`<li>${reason}</li>`)}</ul>`}
${figures(result)}
</header>`;
}

function orNever(ms: number | null): string {
  return ms === null ? "never" : took(ms);
}

function took(ms: number): string {
  return ms === 0 ? "0 s" : formatDurationMs(ms);
}

function figures({ availability, detectMs, failoverMs, recoverMs, writes, steps }: ExperimentResult): Markup {
  const any = steps.some(({ fault }) => fault);
  const cells: [name: string, value: string, note: string][] = [
    ["availability", formatAvailability(availability), "from the first fault on"],
    ["detect", any ? orNever(detectMs) : "–", "until a client knew"],
    ["fail over", any ? (failoverMs === null ? "not" : took(failoverMs)) : "–", "while the fault lasted"],
    ["recover", any ? orNever(recoverMs) : "–", "RTO"],
    [
      "lost",
      writes ? formatCount(writes.lost) : "–",
      writes ? `of ${formatCount(writes.acknowledged)} acknowledged (RPO)` : "no writes were checked",
    ],
    ["doubled, stale", writes ? `${formatCount(writes.doubled)}, ${formatCount(writes.stale)}` : "–", "writes, reads"],
  ];
  return markup`<dl class="figures">${cells.map(([name, value, note]) => markup`<div><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`)}</dl>`;
}

export function objectivesSection({ objectives, steadyState }: ExperimentResult): Markup {
  const state = (text: string) =>
    markup`<span class="state ${text === "held" ? "good" : text === "unknown" ? "soft" : "bad"}">${text === "held" ? "✓ held" : text === "unknown" ? "– not judged" : `✕ ${text}`}</span>`;
  const thresholds = steadyState.thresholds.join(", ");
  const value = (unit: string, actual: number | null): string =>
    unit === "ms" ? orNever(actual) : actual === null ? "–" : unit === "share" ? formatAvailability(actual) : formatCount(actual);
  return section(
    "objectives",
    "Objectives",
    `The steady state holds where its thresholds hold in each stretch of ${formatDurationMs(steadyState.windowMs)}.`,
    htmlTable(
      ["", "what should hold", ">was"],
      [
        [state(steadyState.before), markup`steady state before: <code>${thresholds}</code>`, ""],
        [state(steadyState.after), markup`steady state again, in time`, ""],
        ...objectives.map(({ ok, expression, actual, unit }): Content[] => [
          ok ? markup`<span class="state good">✓ met</span>` : markup`<span class="state bad">✕ missed</span>`,
          markup`<code>${expression}</code>`,
          value(unit, actual),
        ]),
      ],
    ),
  );
}

/** Share of the operations of each stretch that were ok. */
export function availabilitySection({ seconds, phases }: ExperimentResult, axis: TimeAxis): Markup {
  const values = axis.seconds.map((from) => {
    const own = seconds.filter(({ atMs }) => atMs >= from * 1000 && atMs < (from + axis.everySeconds) * 1000);
    const scheduled = own.reduce((sum, each) => sum + each.scheduled, 0);
    return scheduled === 0 ? null : own.reduce((sum, each) => sum + each.ok, 0) / scheduled;
  });
  const least = Math.min(1, ...values.filter((value) => value !== null));
  const floor = least >= 0.99 ? 0.98 : least >= 0.9 ? 0.8 : 0;
  const chart = timeChart({
    label: "Availability over time",
    width: 1072,
    height: 190,
    time: axis,
    lines: [{ name: "ok", tone: "recall", values }],
    bandLabels: true,
    range: [floor, 1],
    axis: (value) => formatPercent(value),
    exact: formatAvailability,
    endLabels: true,
  });
  const rows = phases.map(({ name, fromMs, toMs, scheduled, availability, p50Us, p99Us, recall, thresholds }): Content[] => {
    const failed = thresholds.filter(({ ok }) => !ok).map(({ expression }) => expression);
    return [
      name,
      `${clockTime(fromMs / 1000)} – ${clockTime(toMs / 1000)}`,
      formatCount(scheduled),
      formatAvailability(availability),
      duration(p50Us),
      duration(p99Us),
      recall === null ? "–" : recall.toFixed(4),
      failed.length === 0 ? markup`<span class="good">held</span>` : markup`<span class="bad">${failed.join(", ")}</span>`,
    ];
  });
  return section(
    "availability",
    "Availability over time",
    "The share of what was due in each stretch that was ok, with what was done to the cluster.",
    [
      chart,
      htmlTable(["", "from – to", ">operations", ">available", ">p50", ">p99", ">recall", "thresholds over all of it"], rows),
    ],
  );
}

export function stepsSection({ steps, nodes }: ExperimentResult): Markup {
  const tone = { done: "good", skipped: "soft", failed: "bad", refused: "bad", stopped: "warn" } as const;
  const rows = steps.map(({ name, startMs, endMs, outcome, message, fault }): Content[] => [
    startMs === null ? "" : clockTime((fault?.injectedMs ?? startMs) / 1000),
    name,
    markup`<span class="${tone[outcome]}">${outcome}</span>${message !== undefined && markup` <span class="soft">${message}</span>`}`,
    startMs === null || endMs === null ? "–" : formatDurationMs(Math.round(endMs - (fault?.injectedMs ?? startMs))),
    fault ? orNever(fault.detectMs) : "",
    fault ? (fault.failoverMs === null ? "–" : took(fault.failoverMs)) : "",
    fault ? orNever(fault.recoverMs) : "",
  ]);
  const share = (value: number | null) => (value === null ? "–" : formatPercent(value));
  const lasting = (ms: number) => (ms > 0 ? formatDurationMs(ms) : "–");
  return section("steps", "Method", "What was done, and how the system took it.", [
    htmlTable([">at", "step", "", ">lasted", ">detect", ">fail over", ">recover"], rows),
    markup`<div class="split"></div>`,
    htmlTable(
      ["node", ">requests before", ">during", ">after", ">breaker opened", ">for", ">stale for", ">hedged"],
      nodes.map(({ node, requestShare, breakerOpened, breakerOpenMs, staleMs, hedges }) => [
        node,
        share(requestShare.before),
        share(requestShare.during),
        share(requestShare.after),
        formatCount(breakerOpened),
        lasting(breakerOpenMs),
        lasting(staleMs),
        formatCount(hedges),
      ]),
    ),
  ]);
}

const mostEvents = 400;

/** Everything that happened, in order. */
export function timelineSection({ timeline }: ExperimentResult): Markup {
  const shown = timeline.filter(({ kind }) => kind !== "hedge").slice(0, mostEvents);
  const rows = shown.map(({ atMs, kind, name, phase, detail }): Content[] => [
    `${atMs < 0 ? "−" : ""}${clockTime(Math.abs(atMs) / 1000)}.${String(Math.abs(Math.round(atMs)) % 1000).padStart(3, "0")}`,
    kind,
    name,
    phase,
    markup`<span class="soft">${says(detail)}</span>`,
  ]);
  const left = timeline.length - shown.length;
  return section(
    "timeline",
    "Timeline",
    left > 0 ? `Hedged requests, and what comes after the first ${mostEvents} events, are in the result's JSON alone.` : "",
    htmlTable([">at", "kind", "name", "", ""], rows),
  );
}

/** The plain facts of an event's detail. */
function says(detail: unknown): string {
  if (typeof detail !== "object" || detail === null) return "";
  return Object.entries(detail)
    .filter(([name, value]) => ["string", "number", "boolean"].includes(typeof value) && !["cluster", "fault"].includes(name))
    .slice(0, 6)
    .map(([name, value]) =>
      name.endsWith("Us") ? `${name.slice(0, -2)} ${formatDurationUs(Number(value))}` : `${name} ${String(value)}`,
    )
    .join(", ");
}
