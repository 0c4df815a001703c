import { formatPercent } from "../units.ts";

const rows = 10;
/** Columns before the plot, for its labels. */
export const plotGutter = 7;
const eighths = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];

/**
 * Shares over anything, filled from below.
 * @param shares of each column, 0 … 1
 * @param target a share to draw a line at
 */
export function areaPlot(shares: readonly number[], target: number | undefined): string[] {
  const heights = shares.map((share) => Math.round(share * rows * 8));
  const targetRow = target === undefined ? -1 : Math.max(0, Math.ceil(target * rows - 1e-9) - 1);
  return Array.from({ length: rows }, (_, index) => {
    const row = rows - 1 - index;
    const label = row === targetRow ? formatPercent(target!) : row % 5 === 4 ? formatPercent((row + 1) / rows) : "";
    const cells = heights.map((height) => {
      const part = Math.max(0, Math.min(8, height - row * 8));
      return part === 0 && row === targetRow ? "·" : eighths[part]!;
    });
    return `${label.padStart(plotGutter - 1)} ${cells.join("")}`.trimEnd();
  });
}
