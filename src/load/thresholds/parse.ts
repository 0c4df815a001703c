import { RagctlError, type Problem } from "../../errors.ts";
import { parseDurationMs, parseFraction } from "../../units.ts";
import type { ThresholdInput } from "../contract.ts";

export type Comparison = "<" | "<=" | ">" | ">=";

/**
 * What a threshold is about, for all scenarios, or for those that its scope names. `latency`: the quantile `q` of the response time of all that was
 * scheduled, where whatever was not ok ranks as infinitely slow. `errors`: share of the scheduled that was not ok. `rate`: share of the scheduled
 * that was answered. `recall`: its mean at `k` (undefined: the k of the searches). `time`: the quantile of another time that operations measure; what never came is infinite.
 */
export type Threshold = Omit<ThresholdInput, "metric"> & {
  comparison: Comparison;
  /** A scenario's name, or a kind of operation. */
  scope?: string;
  /** As a report shows it. */
  title: string;
} & (
    | { metric: "latency"; q: number; limitUs: number }
    | { metric: "errors" | "rate"; limit: number }
    | { metric: "recall"; k: number | undefined; limit: number }
    | { metric: "time"; measure: string; q: number; limitUs: number }
  );

/** What a run has, for telling a misspelt metric from a known one before anything is sent. Without it scopes are taken on trust. */
export interface ThresholdContext {
  /** Names of scenarios and kinds of operations. */
  scopes: readonly string[];
  /** The ks that recall is judged at; empty: it is not. */
  recallKs: readonly number[];
}

/** Times that operations measure beside their response time. */
const timeMeasures = ["freshness", "timeToFirstByte", "timeToFirstToken"];
/** By stage, where a RAG endpoint tells: `stage:rerank`. */
const stagePattern = /^stage:[\w.-]+$/;

const expressionForm = /^(?:([A-Za-z][\w@:.-]*)\s*:\s*)?([A-Za-z]+[0-9.]*(?:@[0-9]+)?)\s*(<=|>=|<|>)\s*(\S+)$/;
const knownMetrics = `p50, p95, p99, p99.9 and the like, max, errors, rate, recall@K, and responseTime, ${timeMeasures.join(", ")} or stage:NAME with a percentile`;

/**
 * On its own, as a flag has it: `p99<100ms`, `p99.9<250ms`, `max<1s`, `errors<0.1%`, `rate>99%`, `recall@10>0.95`, `recall>0.95`,
 * `freshness:p95<2s`, `search.responseTime:p99<100ms`. Under a metric's name, as a profile has it: `responseTime` and times `p99<100ms`, `errors` `rate<0.1%`, `rate`
 * `achieved>99%`, `recall@10` `mean>0.95`, each perhaps with a scope before it: `search.errors`.
 * @throws Error, a plain sentence
 */
export function parseThreshold(input: ThresholdInput, context?: ThresholdContext): Threshold {
  const { metric: named, ...rest } = input;
  const match = expressionForm.exec(input.expression.trim());
  if (!match) throw new Error(`expected a threshold such as p99<100ms, errors<0.1% or recall@10>0.95, got "${input.expression}"`);
  const [path, figure, comparison, limit] = [named ?? match[1], match[2]!, match[3] as Comparison, match[4]!];
  const { scope, subject } = splitPath(path, context);
  const common = {
    ...rest,
    comparison,
    title: `${named === undefined ? input.expression : `${named}: ${input.expression}`}${rest.windowUs === undefined ? "" : ` in each ${rest.windowUs / 1e6} s`}`,
    ...(scope !== undefined && { scope }),
  };
  const wants = (direction: "<" | ">") => {
    if (!comparison.startsWith(direction)) throw new Error(`${figure} takes ${direction}, got "${input.expression}"`);
  };
  if (subject === undefined) {
    const recall = /^recall(?:@(\d+))?$/.exec(figure);
    if (recall) return recallThreshold(recall[1]);
    if (figure === "errors" || figure === "rate") return share(figure);
  } else if (subject === "errors" || subject === "rate") {
    const expected = subject === "errors" ? "rate" : "achieved";
    if (figure !== expected)
      throw new Error(
        `${subject} takes ${expected}, as in "${subject}: ${expected}${subject === "errors" ? "<0.1%" : ">99%"}", got "${input.expression}"`,
      );
    return share(subject);
  } else {
    const recall = /^recall(?:@(\d+))?$/.exec(subject);
    if (recall && figure !== "mean")
      throw new Error(`${subject} takes mean, as in "${subject}: mean>0.95", got "${input.expression}"`);
    if (recall) return recallThreshold(recall[1]);
  }
  const q = quantileOf(figure);
  if (q === undefined) throw new Error(`unknown metric "${figure}" in "${input.expression}": known are ${knownMetrics}`);
  wants("<");
  const limitUs = Math.round(parseDurationMs(limit) * 1000);
  if (limitUs <= 0) throw new Error(`expected a limit above zero, got "${input.expression}"`);
  if (subject === undefined || subject === "responseTime") return { ...common, metric: "latency", q, limitUs };
  return { ...common, metric: "time", measure: subject, q, limitUs };

  function share(metric: "errors" | "rate"): Threshold {
    wants(metric === "errors" ? "<" : ">");
    return { ...common, metric, limit: parseFraction(limit) };
  }
  function recallThreshold(at: string | undefined): Threshold {
    wants(">");
    const k = at === undefined ? undefined : Number(at);
    const fraction = parseFraction(limit);
    if (fraction > 1) throw new Error(`recall is at most 1, got "${input.expression}"`);
    if (k === 0) throw new Error(`recall@0 says nothing, got "${input.expression}"`);
    if (context && (context.recallKs.length === 0 || (k !== undefined && !context.recallKs.includes(k))))
      throw new Error(
        `"${input.expression}" needs searches with at least that many hits whose true neighbours are known: --recall, --k`,
      );
    return { ...common, metric: "recall", k, limit: fraction };
  }
}

/** `search.responseTime` → scope `search`, subject `responseTime`. */
function splitPath(path: string | undefined, context: ThresholdContext | undefined): { scope?: string; subject?: string } {
  if (path === undefined) return {};
  // A stage may have a dot in its name; a scope may not have the subject's.
  const match = /^(?:(.+?)\.)?(responseTime|errors|rate|recall(?:@\d+)?|stage:[\w.-]+|[A-Za-z]\w*)$/.exec(path);
  const [scope, subject] = [match?.[1], match?.[2]];
  const known =
    subject !== undefined &&
    (/^(responseTime|errors|rate|recall(@\d+)?)$/.test(subject) || timeMeasures.includes(subject) || stagePattern.test(subject));
  if (!known)
    throw new Error(
      `unknown metric "${path}": known are responseTime, errors, rate, recall@K, ${timeMeasures.join(", ")}, stage:NAME`,
    );
  if (scope !== undefined && context && !context.scopes.includes(scope))
    throw new Error(
      `unknown metric "${path}": no scenario and no kind of operation is called "${scope}" (there are ${context.scopes.join(", ")})`,
    );
  return { subject, ...(scope !== undefined && { scope }) };
}

function quantileOf(metric: string): number | undefined {
  if (metric === "max") return 1;
  const match = /^p(\d{1,2}(?:\.\d+)?)$/.exec(metric);
  const percent = match ? Number(match[1]) : Number.NaN;
  // toPrecision undoes the division's rounding: 99.9 / 100 is 0.9990000000000001.
  return percent > 0 && percent < 100 ? Number((percent / 100).toPrecision(12)) : undefined;
}

/** Parses them all, and collects every mistake. */
export function parseThresholds(
  inputs: readonly ThresholdInput[],
  context?: ThresholdContext,
): { thresholds: Threshold[]; problems: Problem[] } {
  const thresholds: Threshold[] = [];
  const problems: Problem[] = [];
  for (const input of inputs)
    try {
      thresholds.push(parseThreshold(input, context));
    } catch (error) {
      if (error instanceof RagctlError) throw error;
      problems.push({ path: pathOf(input), message: (error as Error).message });
    }
  return { thresholds, problems };
}

function pathOf({ source, metric }: ThresholdInput): string {
  if (source === "profile") return `thresholds${metric === undefined ? "" : `.${metric}`}`;
  return source === "objective" ? "objectives" : "--threshold";
}
