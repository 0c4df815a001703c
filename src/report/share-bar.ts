const eighths = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/**
 * A horizontal bar, padded to its width.
 * @param share of `most`, which fills the width
 */
export function shareBar(share: number, most: number, width: number): string {
  if (!(share > 0) || !(most > 0)) return " ".repeat(width);
  const parts = Math.max(1, Math.round(Math.min(1, share / most) * width * 8));
  return ("█".repeat(parts >> 3) + eighths[parts % 8]!).padEnd(width);
}
