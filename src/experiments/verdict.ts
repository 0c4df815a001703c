import type { ExperimentResult } from "./result.ts";
import type { ObjectiveResult } from "./objectives.ts";
import { objectiveValue } from "./objectives.ts";

export interface VerdictInput {
  before: { verdict: "held" | "failed" | "inconclusive"; reasons: readonly string[] };
  /** Why the method ended before its end. */
  failed: string | undefined;
  /** Whether the steady state was there again in time; undefined: nothing was waited for. */
  recovered: { ok: boolean; withinMs: number; missing: readonly string[] } | undefined;
  objectives: readonly ObjectiveResult[];
  unhealed: readonly { id: string; message: string }[];
  /** Of the load as a whole: `inconclusive` where the generator was the limit. */
  load: { verdict: ExperimentResult["verdict"]; reasons: readonly string[] };
}

/**
 * What was shown: nothing, where there was no steady state to begin with for reasons of the generator's, or where the generator fell behind later; lost writes
 * are lost all the same.
 */
export function experimentVerdict(input: VerdictInput): Pick<ExperimentResult, "verdict" | "reasons"> {
  const { before, failed, recovered, objectives, unhealed, load } = input;
  if (before.verdict !== "held")
    return {
      verdict: before.verdict === "failed" ? "fail" : "inconclusive",
      reasons: ["there was no steady state to begin with, so nothing was broken", ...before.reasons],
    };
  const broken = objectives.filter(({ ok }) => !ok);
  const reasons = [
    ...unhealed.map(({ id, message }) => `the fault ${id} is not proven gone: ${message}`),
    ...(failed === undefined ? [] : [`the method ended early: ${failed}`]),
    ...(recovered && !recovered.ok
      ? [`no recovery within ${objectiveValue({ unit: "ms" }, recovered.withinMs)}: ${recovered.missing.join("; ")}`]
      : []),
    ...broken.map((objective) => `${objective.expression} was not met: it was ${objectiveValue(objective, objective.actual)}`),
  ];
  const certain = unhealed.length > 0 || broken.some(({ unit, actual }) => unit === "count" && actual !== null);
  if (load.verdict === "inconclusive" && !certain) return { verdict: "inconclusive", reasons: [...load.reasons, ...reasons] };
  return { verdict: reasons.length > 0 ? "fail" : "pass", reasons };
}
