import type { ExperimentResult } from "../experiments/result.ts";
import { formatAvailability, formatCount, formatDurationMs, formatDurationUs } from "../units.ts";
import { orNever } from "./chaos-run.ts";
import { markdownTable } from "./table.ts";

const marks = { pass: "✅ pass", fail: "❌ fail", inconclusive: "⚠️ inconclusive" } as const;

/** An experiment for a pull request or a job summary: GitHub's Markdown. */
export function chaosRunMarkdown(result: ExperimentResult): string {
  const {
    verdict,
    interrupted,
    reasons,
    experiment,
    cluster,
    objectives,
    availability,
    detectMs,
    failoverMs,
    recoverMs,
    writes,
    phases,
    steps,
  } = result;
  const us = (value: number | null) => (value === null ? "–" : formatDurationUs(value));
  const right = (header: string) => ({ header, align: "right" as const });
  return [
    `### ${marks[verdict]}${interrupted ? " (interrupted)" : ""} · experiment ${experiment.name} on ${cluster}`,
    "",
    ...(experiment.description === undefined ? [] : [escaped(experiment.description), ""]),
    ...reasons.map((reason) => `- ${escaped(reason)}`),
    ...(reasons.length > 0 ? [""] : []),
    markdownTable(
      ["availability", "detect", "fail over", "recover (RTO)", "acknowledged", "lost (RPO)", "doubled", "stale"].map(right),
      [
        [
          formatAvailability(availability),
          orNever(detectMs),
          orNever(failoverMs),
          orNever(recoverMs),
          ...(writes ? [writes.acknowledged, writes.lost, writes.doubled, writes.stale].map(formatCount) : ["–", "–", "–", "–"]),
        ],
      ],
    ),
    "",
    ...(objectives.length > 0
      ? [
          markdownTable(
            [{ header: "" }, { header: "objective" }],
            objectives.map(({ ok, expression }) => [ok ? "✅" : "❌", escaped(expression)]),
          ),
          "",
        ]
      : []),
    markdownTable(
      [{ header: "" }, right("operations"), right("available"), right("p50"), right("p99"), right("recall")],
      phases.map(({ name, scheduled, availability, p50Us, p99Us, recall }) => [
        name,
        formatCount(scheduled),
        formatAvailability(availability),
        us(p50Us),
        us(p99Us),
        recall === null ? "–" : recall.toFixed(4),
      ]),
    ),
    "",
    markdownTable(
      [right("at"), { header: "step" }, { header: "outcome" }, right("detect"), right("fail over"), right("recover")],
      steps.map(({ name, startMs, outcome, message, fault }) => [
        startMs === null ? "" : formatDurationMs(Math.round(startMs / 100) * 100),
        escaped(name),
        escaped(message === undefined ? outcome : `${outcome}: ${message}`),
        fault ? orNever(fault.detectMs) : "",
        fault ? orNever(fault.failoverMs) : "",
        fault ? orNever(fault.recoverMs) : "",
      ]),
    ),
    "",
  ].join("\n");
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
}
