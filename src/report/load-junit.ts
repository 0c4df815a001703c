import type { LoadResult } from "../load/result.ts";
import { formatDurationUs, formatPercent } from "../units.ts";
import { junitXml, type JunitCase } from "./junit.ts";

/**
 * Thresholds as test cases, and the run itself as one: it failed where the verdict is bad, and is an error where it was interrupted or the generator, not the
 * system, was the limit.
 */
export function loadJunit(result: LoadResult): string {
  const { verdict, interrupted, reasons, thresholds, startedAt, elapsedMs } = result;
  const outcomes = { pass: "ok", fail: "failed", inconclusive: "error" } as const;
  const run: JunitCase = {
    name: "verdict",
    className: "load",
    durationMs: elapsedMs,
    outcome: interrupted ? "error" : outcomes[verdict],
    message: `${verdict}${interrupted ? " (interrupted)" : ""}${reasons[0] === undefined ? "" : `: ${reasons[0]}`}`,
    detail: reasons.join("\n"),
  };
  const cases = thresholds.map(({ expression, ok, actual, unit, limit }): JunitCase => {
    const text = (value: number | null) =>
      value === null ? "infinite" : unit === "us" ? formatDurationUs(value) : formatPercent(value);
    return {
      name: expression,
      className: "load.thresholds",
      outcome: ok ? "ok" : "failed",
      message: `it was ${text(actual)}, and the limit is ${text(limit)}`,
    };
  });
  return junitXml([{ name: "ragctl load", timestamp: startedAt.slice(0, 19), cases: [run, ...cases] }]);
}
