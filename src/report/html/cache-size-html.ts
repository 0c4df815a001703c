import type { CacheSizeResult, ChosenSize } from "../../cache/sizing/result.ts";
import { formatBytes, formatCount, formatPercent } from "../../units.ts";
import { answerSentence, costOfPoint, designText, methodText, money, points } from "../cache-size.ts";
import { hitChart } from "./hit-chart.ts";
import { markup, type Content, type Markup } from "./markup.ts";
import { page } from "./page.ts";
import { htmlTable, legend, section } from "./tables.ts";

/** A miss-ratio curve as one self-contained page: the answer first, then the curve, then its figures. */
export function cacheSizeHtml(result: CacheSizeResult, version: string): string {
  const { source, target, recommendation, notes } = result;
  const tone = target?.reached === false ? "inconclusive" : "pass";
  return page(`cache size: ${source.file}`, [
    markup`<header>
<div class="over"><span>ragctl ${version} cache size</span><span>${source.kind} ${source.file}</span></div>
<div class="verdict"><h1 class="${tone}" id="answer">${formatBytes(recommendation.bytes)}</h1><p>${answerSentence(result)}</p></div>
<p class="what">${designText(result)} · ${methodText(result)}</p>
${figures(result)}
</header>`,
    curveSection(result),
    levelsSection(result),
    pointsSection(result),
    section(
      "notes",
      "What to know about it",
      "",
      markup`<ul class="audit">${notes.map((note) => markup`<li>${note}</li>`)}</ul>`,
    ),
    markup`<footer><span>One standard error is shown as ±; the band in the chart is two.</span><span>ragctl ${version}</span></footer>`,
  ]);
}

function figures({ references, distinct, coldMissRatio, entryBytes, knee, sampling, expectedError }: CacheSizeResult): Markup {
  const cells: [name: string, value: string, note: string][] = [
    ["references", formatCount(references), ""],
    ["keys", formatCount(distinct), sampling ? "estimated" : "counted"],
    ["first references", formatPercent(coldMissRatio), "misses at any size"],
    [
      "an entry",
      formatBytes(Math.round(entryBytes.mean)),
      entryBytes.source === "trace" ? "mean of the trace" : entryBytes.source,
    ],
    ["knee", formatBytes(knee.bytes), `${formatPercent(knee.hitRatio)} hits`],
    [
      "expected error",
      sampling ? `±${points(expectedError.mean)}` : "none",
      sampling ? "mean of the curve" : "every key was looked at",
    ],
  ];
  return markup`<dl class="figures">${cells.map(([name, value, note]) => markup`<div><dt>${name}</dt><dd>${value}<small>${note}</small></dd></div>`)}</dl>`;
}

function curveSection({ curve, knee, recommendation, near, coldMissRatio }: CacheSizeResult): Content {
  const sized = curve.filter(({ bytes }) => bytes > 0);
  if (sized.length < 2 || sized[0]!.bytes === sized.at(-1)!.bytes) return undefined;
  const within = ({ bytes }: ChosenSize) => bytes >= sized[0]!.bytes && bytes <= sized.at(-1)!.bytes;
  const marks = [
    { ...knee, name: "knee", tone: "other" },
    { ...recommendation, name: "recommended", tone: "recall" },
  ].filter(within);
  const names = [
    { name: near ? "hits of both tiers" : "hits", tone: "t2" },
    ...(near ? [{ name: "of them in the near tier (dashed)", tone: "other" }] : []),
    { name: "recommended", tone: "recall" },
    { name: "knee", tone: "other" },
  ];
  const body = [legend(names), hitChart({ width: 1072, height: 340, points: curve, marks, ceiling: 1 - coldMissRatio })];
  return section(
    "curve",
    "Hits by size",
    "Sizes on a logarithmic axis: each step to the right is as many times the memory.",
    body,
  );
}

function levelsSection({ levels, price }: CacheSizeResult): Content {
  if (levels.length === 0) return undefined;
  const month = price === null ? [] : [">a month"];
  const columns = [">hits", ">entries", ">bytes", ...month, ">doubling buys", ">half of it loses", ">a point more costs"];
  const rows = levels.map((level) => [
    formatPercent(level.hitRatio),
    formatCount(level.entries),
    formatBytes(level.bytes),
    ...(price === null ? [] : [money(level.costPerMonth ?? 0)]),
    points(level.doublingGain),
    points(level.halvingLoss),
    costOfPoint(level, price),
  ]);
  return section("levels", "What round hit ratios take", "The least size for each.", htmlTable(columns, rows));
}

function pointsSection({ curve, near }: CacheSizeResult): Content {
  const columns = [">entries", ">bytes", ">misses", ">±", ">hits", ...(near ? [">near", ">far"] : [])];
  const rows = curve.map(({ entries, bytes, missRatio, missRatioError, nearHitRatio, farHitRatio }) => [
    formatCount(entries),
    formatBytes(bytes),
    formatPercent(missRatio),
    formatPercent(missRatioError),
    formatPercent(1 - missRatio),
    ...(near ? [formatPercent(nearHitRatio ?? 0), formatPercent(farHitRatio ?? 0)] : []),
  ]);
  return section("points", "The curve in figures", "Shares of all references.", htmlTable(columns, rows));
}
