import { formatDurationUs } from "../units.ts";
import { visibleWidth } from "./table.ts";
import type { Style } from "./style.ts";

export interface PlotColumn {
  title: string;
  /** µs by row, null where there is none. */
  valuesUs: (number | null)[];
}

const labelWidth = 7;
const valueWidth = 9;
const gap = 2;

/**
 * Rows of horizontal bars on one logarithmic axis that all columns share: the eye compares both along a row and across columns.
 * @param labels one a row
 */
export function barPlot(labels: readonly string[], columns: readonly PlotColumn[], style: Style): string[] {
  const width = Math.max(6, Math.floor((style.columns - labelWidth) / columns.length) - valueWidth - 1 - gap);
  const axis = logAxis(columns.flatMap(({ valuesUs }) => valuesUs));
  const cell = (text: string) => text + " ".repeat(Math.max(0, valueWidth + 1 + width + gap - visibleWidth(text)));
  const head = " ".repeat(labelWidth) + columns.map(({ title }) => cell(style.dim(title))).join("");
  const rows = labels.map((label, row) => {
    const cells = columns.map(({ valuesUs }) => {
      const value = valuesUs[row] ?? null;
      if (value === null) return cell("-".padStart(valueWidth));
      return cell(`${formatDurationUs(value).padStart(valueWidth)} ${bar(axis, value, width)}`);
    });
    return label.padEnd(labelWidth) + cells.join("");
  });
  const legend = axis
    ? [" ".repeat(labelWidth) + style.dim(`bars: ${formatDurationUs(axis.fromUs)} to ${formatDurationUs(axis.toUs)}, log scale`)]
    : [];
  return [head, ...rows, ...legend].map((line) => line.trimEnd());
}

interface LogAxis {
  fromUs: number;
  toUs: number;
}

/** Whole powers of ten around all values; undefined where there are none. */
export function logAxis(valuesUs: readonly (number | null)[]): LogAxis | undefined {
  const known = valuesUs.filter((value) => value !== null).map((value) => Math.max(1, value));
  if (known.length === 0) return undefined;
  const from = Math.floor(Math.log10(Math.min(...known)));
  const to = Math.max(from + 1, Math.ceil(Math.log10(Math.max(...known))));
  return { fromUs: 10 ** from, toUs: 10 ** to };
}

const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

export function bar(axis: LogAxis | undefined, valueUs: number, width: number): string {
  if (!axis) return "";
  const share = Math.log(Math.max(1, valueUs) / axis.fromUs) / Math.log(axis.toUs / axis.fromUs);
  const cells = Math.max(1, Math.round(Math.min(1, share) * width * 8));
  return "█".repeat(cells >> 3) + eighths[cells % 8]!;
}
