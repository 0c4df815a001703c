import { parseSizeBytes } from "../../units.ts";
import type { Axis } from "./estimate.ts";

/** What Redis 7 adds to a value under a 75-character key with an expiry: measured, 190 bytes to 420, more where the allocator rounds up. */
export const defaultOverheadBytes = 200;

/** One size that a cache may have. */
export interface Size {
  axis: Axis;
  size: number;
}

/**
 * `1000` and `20_000` are entries, `64MiB` and `500B` are bytes.
 * @throws Error a plain sentence
 */
export function parseSize(text: string): Size {
  const entries = Number(text.replaceAll("_", ""));
  if (text.trim() !== "" && Number.isFinite(entries)) {
    if (!Number.isSafeInteger(entries) || entries < 1) throw new Error(`expected a size of at least one entry, got "${text}"`);
    return { axis: "entries", size: entries };
  }
  const size = parseSizeBytes(text);
  if (size < 1) throw new Error(`expected a size of at least one byte, got "${text}"`);
  return { axis: "bytes", size };
}

/** Sizes from the least to the most, each about as many times the one before, rounded to three digits. */
export function spacedSizes(least: number, most: number, count: number): number[] {
  const low = Math.max(1, Math.min(least, most));
  const sizes = Array.from({ length: count }, (_, i) => Number((low * (most / low) ** (i / (count - 1))).toPrecision(3)));
  const whole = [...sizes.slice(0, -1).map(Math.round), Math.max(1, Math.ceil(most))];
  return [...new Set(whole)].filter((size) => size >= 1 && size <= Math.max(1, Math.ceil(most))).toSorted((a, b) => a - b);
}
