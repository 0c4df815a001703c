import type { ExperimentResult } from "../experiments/result.ts";
import { formatAvailability, formatCount } from "../units.ts";
import { orNever } from "./chaos-run.ts";
import { junitXml, type JunitCase } from "./junit.ts";

/** The experiment, its objectives, its phases' thresholds and its steps as test cases. */
export function chaosRunJunit(result: ExperimentResult): string {
  const { verdict, interrupted, reasons, startedAt, objectives, steps, steadyState, load, experiment } = result;
  const outcomes = { pass: "ok", fail: "failed", inconclusive: "error" } as const;
  const run: JunitCase = {
    name: "verdict",
    className: "chaos",
    durationMs: load.elapsedMs,
    outcome: interrupted ? "error" : outcomes[verdict],
    message: `${verdict}${interrupted ? " (interrupted)" : ""}${reasons[0] === undefined ? "" : `: ${reasons[0]}`}`,
    detail: reasons.join("\n"),
  };
  const states = (["before", "after"] as const).map((when): JunitCase => {
    const state = steadyState[when];
    const outcome = ({ held: "ok", failed: "failed", inconclusive: "error", unknown: "skipped" } as const)[state];
    return {
      name: `steady state ${when}`,
      className: "chaos.steadyState",
      outcome,
      message: `${state}: ${steadyState.thresholds.join(", ")}`,
    };
  });
  const goals = objectives.map(({ expression, ok, actual, unit }): JunitCase => {
    const text =
      unit === "ms"
        ? orNever(actual)
        : actual === null
          ? "not measured"
          : unit === "share"
            ? formatAvailability(actual)
            : formatCount(actual);
    return { name: expression, className: "chaos.objectives", outcome: ok ? "ok" : "failed", message: `it was ${text}` };
  });
  const acts = steps.map(({ name, outcome, message = "", startMs, endMs }): JunitCase => ({
    name,
    className: "chaos.steps",
    durationMs: startMs === null || endMs === null ? 0 : endMs - startMs,
    outcome: outcome === "done" ? "ok" : outcome === "skipped" || outcome === "stopped" ? "skipped" : "failed",
    message: message || outcome,
  }));
  return junitXml([
    {
      name: `ragctl chaos run ${experiment.name}`,
      timestamp: startedAt.slice(0, 19),
      cases: [run, ...states, ...goals, ...acts],
    },
  ]);
}
