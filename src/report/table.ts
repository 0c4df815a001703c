import { stripVTControlCharacters } from "node:util";
import Table from "cli-table3";
import type { Style } from "./style.ts";

export interface Column {
  header: string;
  /** Numbers go to the right. */
  align?: "left" | "right";
  /** The column that gives way, with an ellipsis, where the table is too wide; the widest one unless one says so. */
  flexible?: boolean;
  /** Too long a cell goes on in further lines instead of losing its end. */
  wrap?: boolean;
}

const gap = 2;

/**
 * Rows under headers, without lines: two blanks between columns, no wider than the style's columns.
 * @param rows cells as text, which may be coloured; a missing one is empty
 */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[], style: Style): string {
  const widths = fitWidths(columns, rows, style.clip ? style.columns : Infinity);
  const out = new Table({
    chars: noLines,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0, compact: true },
    colWidths: widths,
    colAligns: columns.map(({ align }) => align ?? "left"),
    truncate: "…",
    wordWrap: columns.some(({ wrap }) => wrap),
  });
  out.push(
    columns.map(({ header }) => style.dim(header)),
    ...rows.map((row) => columns.map((_, index) => row[index] ?? "")),
  );
  return out
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

/** A table of Markdown, its pipes escaped and its numbers to the right. */
export function markdownTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const cell = (text: string) => text.replaceAll("\\", "\\\\").replaceAll("|", "\\|").replaceAll(/\r?\n/g, "<br>");
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    line(columns.map(({ header }) => cell(header))),
    line(columns.map(({ align }) => (align === "right" ? "--:" : "---"))),
    ...rows.map((row) => line(columns.map((_, index) => cell(row[index] ?? "")))),
  ].join("\n");
}

/** Places on a terminal: colour codes take none, East Asian wide characters and emoji two. */
export function visibleWidth(text: string): number {
  const segments = new Intl.Segmenter().segment(stripVTControlCharacters(text));
  return [...segments].reduce((width, { segment }) => width + (wide.test(segment) ? 2 : 1), 0);
}

const wide =
  /[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\uFFE0-\uFFE6]|\p{Emoji_Presentation}/u;

/** Natural widths, and then the flexible column, and after it the widest, cut down until the sum fits. */
function fitWidths(columns: readonly Column[], rows: readonly (readonly string[])[], room: number): number[] {
  const widths = columns.map(({ header }, index) =>
    Math.max(visibleWidth(header), ...rows.map((row) => visibleWidth(row[index] ?? ""))),
  );
  const smallest = columns.map(({ header }) => Math.max(4, visibleWidth(header)));
  let excess = widths.reduce((sum, width) => sum + width, 0) + gap * (columns.length - 1) - room;
  const byWidth = widths.map((_, index) => index).toSorted((a, b) => widths[b]! - widths[a]!);
  const order = [...byWidth.filter((index) => columns[index]!.flexible), ...byWidth.filter((index) => !columns[index]!.flexible)];
  for (const index of order) {
    const give = Math.min(excess, Math.max(0, widths[index]! - smallest[index]!));
    if (give <= 0) continue;
    widths[index]! -= give;
    excess -= give;
  }
  return widths;
}

const noLines = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: " ".repeat(gap),
};
