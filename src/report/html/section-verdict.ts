import { formatCount, formatDurationMs, formatPercent, formatRate, plural } from "../../units.ts";
import { duration } from "./figures.ts";
import { markup, type Markup } from "./markup.ts";
import type { Model } from "./model.ts";
import { targetText } from "./target.ts";

const words = { pass: "✓ pass", fail: "✕ fail", inconclusive: "? inconclusive" } as const;

/** What a reader wants first: the verdict, why, and the figures that carry it. */
export function verdictSection(model: Model): Markup {
  const { result, runId, version } = model;
  const { verdict, reasons, interrupted, rates, elapsedMs, startedAt } = result;
  const sent = `${formatRate(rates.sentPerSec)} sent${wanted(rates.targetPerSec)} for ${formatDurationMs(elapsedMs)}`;
  const shown = reasons.length > 0 ? reasons : verdict === "pass" ? ["every threshold held"] : [];
  return markup`<header>
<div class="over"><span>ragctl ${version} load report</span><span>${startedAt.slice(0, 19).replace("T", " ")} UTC${runId !== undefined && ` · run ${runId}`}</span></div>
<div class="verdict"><h1 class="${verdict}" id="verdict">${words[verdict]}</h1><p>${sent}${interrupted && markup` <span class="warn">(interrupted)</span>`}</p></div>
<p class="what">${targetText(result.target)}</p>
${shown.length > 0 && markup`<ul class="reasons ${verdict}">${shown.map((reason) => markup`<li>${reason}</li>`)}</ul>`}
${figures(model)}
</header>`;
}

function wanted(perSec: number | null): string {
  return perSec === null ? "" : ` of ${formatRate(perSec)}`;
}

function figures({ result }: Model): Markup {
  const { counts, responseTimeUs: response, rates } = result;
  const notOk = counts.scheduled - counts.ok;
  const doubt = (name: "p50" | "p99" | "p999") =>
    (response.unsupported as string[]).includes(name) && response.n > 0 ? "few samples" : "response time";
  const cells: [name: string, value: string, note: string][] = [
    ["p50", duration(response.p50), doubt("p50")],
    ["p99", duration(response.p99), doubt("p99")],
    ["p99.9", duration(response.p999), doubt("p999")],
    ["max", duration(response.max), "response time"],
    ["answered", formatRate(rates.completedPerSec), plural(counts.completed, "operation")],
    [
      "not ok",
      counts.scheduled === 0 ? "–" : formatPercent(notOk / counts.scheduled),
      `${formatCount(notOk)} of ${formatCount(counts.scheduled)}`,
    ],
  ];
  return markup`<dl class="figures">${cells.map(([name, value, note]) => markup`<div><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`)}</dl>`;
}
