import type { ObjectivesConfig } from "../../config/schema.ts";
import { usageError, type Problem } from "../../errors.ts";
import { objectiveThresholds } from "../../load/thresholds/objectives.ts";
import { parseThreshold, type Comparison, type Threshold } from "../../load/thresholds/parse.ts";

/** What ends a fault, or an experiment, before its time. */
export interface StopConditions {
  /** What must hold, and what is stopped by once it does not: as the user wrote it. */
  limits: StopLimit[];
  /** Shell command that must succeed; asked again and again. */
  command?: string;
  /** What the canary searches; undefined: the cluster's own collection, or the only one there is. */
  collection?: string;
}

export interface StopLimit {
  /** `errors>1%`. */
  condition: string;
  /** The opposite. */
  threshold: Extract<Threshold, { metric: "latency" | "errors" | "rate" }>;
}

const opposite: Record<Comparison, Comparison> = { "<": ">=", "<=": ">", ">": "<=", ">=": "<" };

/**
 * `errors>1%`, `p99>200ms`, `rate<99%`: the canary's figures; `objectives`: whatever of the cluster's objectives is broken.
 * @throws RagctlError exit 2 with every condition that makes no sense
 */
export function parseStopConditions(
  {
    stopIf,
    stopCommand,
    collection,
  }: { stopIf: readonly string[]; stopCommand?: string | undefined; collection?: string | undefined },
  objectives: ObjectivesConfig,
  path = "--stop-if",
): StopConditions {
  const problems: Problem[] = [];
  const limits = stopIf.flatMap((text) => {
    try {
      return text.trim() === "objectives" ? objectiveLimits(objectives) : [limitOf(text.trim())];
    } catch (error) {
      problems.push({ path, message: (error as Error).message });
      return [];
    }
  });
  if (stopCommand?.trim() === "") problems.push({ path: "--stop-command", message: "is empty" });
  if (problems.length > 0) throw usageError(problems);
  return { limits, ...(stopCommand !== undefined && { command: stopCommand }), ...(collection !== undefined && { collection }) };
}

function objectiveLimits(objectives: ObjectivesConfig): StopLimit[] {
  const inputs = objectiveThresholds(objectives);
  if (inputs.length === 0)
    throw new Error("the cluster has no objectives of latency or errors: objectives of the config names them");
  return inputs.map(({ expression }) => limitOf(inverted(expression)));
}

function limitOf(condition: string): StopLimit {
  const threshold = parsed(condition);
  if (threshold.scope !== undefined || threshold.metric === "recall" || threshold.metric === "time")
    throw new Error(
      `"${condition}" is not what canary searches can tell: pNN, max, errors and rate are; experiments measure the rest`,
    );
  return { condition, threshold };
}

function parsed(condition: string): Threshold {
  try {
    return parseThreshold({ expression: inverted(condition), source: "flag" });
  } catch (error) {
    if (holdsAsWritten(condition))
      throw new Error(`says when to stop, so "${condition}" would be ${inverted(condition)}`, { cause: error });
    throw new Error(`expected a condition such as errors>1% or p99>200ms, got "${condition}"`, { cause: error });
  }
}

function holdsAsWritten(condition: string): boolean {
  try {
    parseThreshold({ expression: condition, source: "flag" });
    return true;
  } catch {
    return false;
  }
}

function inverted(expression: string): string {
  return expression.replace(/<=|>=|<|>/, (comparison) => opposite[comparison as Comparison]);
}
