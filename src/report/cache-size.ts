import type { CacheSizeResult, ChosenSize, SizePoint } from "../cache/sizing/result.ts";
import { formatBytes, formatCount, formatPercent, plural } from "../units.ts";
import { hitPlot, plottedPoints } from "./hit-plot.ts";
import type { Style } from "./style.ts";
import { table, type Column } from "./table.ts";

/** Rows of points at most: a hundred are for the JSON. */
const mostRows = 24;

/** A miss-ratio curve for people: the answer, the sizes of round hit ratios, the curve, and what to know about it. */
export function cacheSizeReport(result: CacheSizeResult, style: Style): string {
  const { curve, levels, notes } = result;
  // Points that were asked for are shown as they are; of those spread by ourselves, the ones at round hit ratios tell more.
  const asked = curve.length <= mostRows ? curve : [];
  const plot = hitPlot(plottedPoints(result), result.target?.hitRatio, style);
  return [
    ...answer(result, style),
    ...wrapped(measurementLine(result), style).map((line) => style.dim(line)),
    "",
    ...(plot.length > 0 ? [...plot, ""] : []),
    ...(levels.length > 0 ? [levelTable(result, style), ""] : []),
    ...(asked.length > 0 ? [pointTable(asked, result, style), ""] : []),
    ...notes.flatMap((note) => wrapped(note, style)),
  ].join("\n");
}

/** "90 % hits needs 38 GB; doubling it buys 1.2 points". */
export function answerSentence({ target, recommendation, price }: CacheSizeResult): string {
  const { entries, bytes, hitRatio, doublingGain, reason, costPerMonth } = recommendation;
  const needs = `${formatBytes(bytes)} (${plural(entries, "entry")}${costPerMonth === null ? "" : `, ${money(costPerMonth)} a month`})`;
  const buys = `doubling it buys ${points(doublingGain)}${price !== null && recommendation.costPerPoint !== null ? ` at ${money(recommendation.costPerPoint)} each` : ""}`;
  if (target?.reached) return `${formatPercent(target.hitRatio)} hits needs ${needs}; ${buys}`;
  const lead = target ? `no size reaches ${formatPercent(target.hitRatio)} hits: ` : "";
  return `${lead}${needs} gives ${formatPercent(hitRatio)} hits; ${reason}`;
}

function answer(result: CacheSizeResult, style: Style): string[] {
  const { target, knee } = result;
  const look = (line: string) => (target?.reached === false ? style.warn(line) : style.bold(line));
  return [
    ...wrapped(answerSentence(result), style).map((line) => look(line)),
    `knee of the curve: ${formatBytes(knee.bytes)} (${plural(knee.entries, "entry")}), ${formatPercent(knee.hitRatio)} hits`,
  ];
}

function measurementLine(result: CacheSizeResult): string {
  return `${plural(result.references, "reference")} to ${result.sampling ? "about " : ""}${plural(result.distinct, "key")} · ${designText(result)} · ${methodText(result)}`;
}

/** What was simulated: `lru, TTL 1 h, behind 1,000 entries`. */
export function designText({ policy, ttlMs, near }: CacheSizeResult): string {
  const before = near && (near.entries === null ? formatBytes(near.bytes ?? 0) : `${formatCount(near.entries)} entries`);
  return [
    policy,
    ...(ttlMs === null ? [] : [`TTL ${seconds(ttlMs)}`]),
    ...(before === null ? [] : [`behind ${before} in memory`]),
  ].join(", ");
}

/** How, and how far off it may be. */
export function methodText({ sampling, expectedError }: CacheSizeResult): string {
  if (!sampling) return "exact";
  return `${formatPercent(sampling.rate)} of the keys sampled, expected error ±${points(expectedError.mean)}`;
}

function levelTable({ levels, price }: CacheSizeResult, style: Style): string {
  const columns = ["hits", "entries", "bytes", "doubling buys", "a point more costs"].map(right);
  if (price !== null) columns.splice(3, 0, right("a month"));
  return table(
    columns,
    levels.map((level) => [
      formatPercent(level.hitRatio),
      formatCount(level.entries),
      formatBytes(level.bytes),
      ...(price === null ? [] : [money(level.costPerMonth ?? 0)]),
      points(level.doublingGain),
      costOfPoint(level, price),
    ]),
    style,
  );
}

/** In money where there is a price, else in memory. */
export function costOfPoint({ bytes, doublingGain, costPerPoint }: ChosenSize, price: number | null): string {
  if (doublingGain < 0.0001) return "-";
  return price === null ? formatBytes(bytes / (doublingGain * 100)) : money(costPerPoint ?? 0);
}

function pointTable(rows: readonly SizePoint[], { near, sampling }: CacheSizeResult, style: Style): string {
  const columns = ["entries", "bytes", "misses", ...(sampling ? ["±"] : []), "hits", ...(near ? ["near", "far"] : [])].map(right);
  return table(
    columns,
    rows.map(({ entries, bytes, missRatio, missRatioError, nearHitRatio, farHitRatio }) => [
      formatCount(entries),
      formatBytes(bytes),
      formatPercent(missRatio),
      ...(sampling ? [formatPercent(missRatioError)] : []),
      formatPercent(1 - missRatio),
      ...(near ? [formatPercent(nearHitRatio ?? 0), formatPercent(farHitRatio ?? 0)] : []),
    ]),
    style,
  );
}

function right(header: string): Column {
  return { header, align: "right" };
}

/** Percentage points: 0.012 → 1.2 points. */
export function points(share: number): string {
  const value = share * 100;
  const digits = value >= 0.095 || value === 0 ? 1 : 2;
  return `${value.toFixed(digits)} points`;
}

export function money(amount: number): string {
  return amount >= 100 ? formatCount(amount) : amount.toFixed(2);
}

function seconds(ms: number): string {
  const units = [
    [86_400_000, "d"],
    [3_600_000, "h"],
    [60_000, "m"],
    [1000, "s"],
  ] as const;
  const [size, unit] = units.find(([each]) => ms >= each && ms % each === 0) ?? ([1, "ms"] as const);
  return `${ms / size} ${unit}`;
}

/** A sentence over as many lines as the width takes. */
function wrapped(text: string, style: Style): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > Math.min(style.columns, 100)) {
      lines.push(line);
      line = word;
    } else line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line];
}
