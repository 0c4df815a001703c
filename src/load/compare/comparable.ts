import type { RunSeries } from "./series.ts";

/** Fewer windows than this cannot tell a difference from chance: with five on either side there are 252 ways to deal them. */
const fewestWindows = 5;

/** Why the figures of two runs must not be compared; empty where they may. */
export function incomparable(a: RunSeries, b: RunSeries): string[] {
  const reasons: string[] = [];
  for (const run of [a, b]) {
    if (run.inconclusive) reasons.push(`${run.name} was inconclusive: ${run.inconclusive}`);
    const operations = run.windows.reduce((sum, { counts }) => sum + counts.ok + counts.errors + counts.dropped, 0);
    if (operations === 0) reasons.push(`${run.name} holds no operations`);
    else if (run.windows.length < fewestWindows)
      reasons.push(
        `${run.name} has ${run.windows.length} windows, and ${fewestWindows} are needed: run longer, or store shorter windows`,
      );
  }
  if (a.windowMs !== b.windowMs) reasons.push(`other window length: ${a.windowMs} ms and ${b.windowMs} ms`);
  if (a.targetPerSec === undefined || b.targetPerSec === undefined) {
    if (a.targetPerSec !== b.targetPerSec) reasons.push("one run had a target rate, the other was closed-loop");
  } else if (apart(a.targetPerSec, b.targetPerSec) > 0.01)
    reasons.push(`other target rate: ${a.targetPerSec}/s and ${b.targetPerSec}/s`);
  // A longer run sees more of what is rare (compactions, caches growing warm).
  if (apart(a.durationMs, b.durationMs) > 0.1)
    reasons.push(`other duration: ${a.durationMs / 1000} s and ${b.durationMs / 1000} s`);
  for (const key of [...new Set([...Object.keys(a.conditions), ...Object.keys(b.conditions)])].sort()) {
    const [left, right] = [a.conditions[key], b.conditions[key]];
    if (left !== right) reasons.push(`other ${key}: ${said(left)} and ${said(right)}`);
  }
  return reasons;
}

/** How far apart, as a share of the larger. */
function apart(x: number, y: number): number {
  return Math.abs(x - y) / Math.max(Math.abs(x), Math.abs(y), Number.MIN_VALUE);
}

const said = (value: string | number | boolean | null | undefined) => (value === undefined ? "(not recorded)" : String(value));
