import { formatAvailability, formatCount, formatDurationMs, parseDurationMs, parseFraction } from "../units.ts";

/** What an experiment is measured by, beside its steady state. Null: it never came. */
export interface Figures {
  detectMs: number | null;
  failoverMs: number | null;
  recoverMs: number | null;
  recoverAfterHealMs: number | null;
  availability: number;
  /** Of one scenario's operations; null where it had none. */
  availabilityOf: (scenario: string) => number | null;
  lost: number | null;
  doubled: number | null;
  stale: number | null;
}

const units = {
  detect: "ms",
  failover: "ms",
  recover: "ms",
  recoverAfterHeal: "ms",
  availability: "share",
  lost: "count",
  doubled: "count",
  stale: "count",
} as const;
type Subject = keyof typeof units;

export interface Objective {
  expression: string;
  subject: Subject;
  /** Of an availability: this scenario's alone. */
  scenario?: string;
  comparison: "<" | "<=" | ">" | ">=";
  limit: number;
}

export interface ObjectiveResult {
  expression: string;
  ok: boolean;
  /** Ms, a share or a count; null: it never came, or was not measured. */
  actual: number | null;
  unit: (typeof units)[Subject];
  limit: number;
}

const form = /^(?:([^\s<>=]+)\.)?([A-Za-z]+)\s*(<=|>=|<|>)\s*(\S+)$/;

/** `recover<30s`, `availability>99.9%`, `search.availability>99.9%`, `lost<=0`. @throws Error, a plain sentence */
export function parseObjective(expression: string): Objective {
  const match = form.exec(expression.trim());
  const subjects = Object.keys(units).join(", ");
  if (!match) throw new Error(`expected an objective such as recover<30s, availability>99.9% or lost<=0, got "${expression}"`);
  const [scenario, subject, comparison, limit] = [match[1], match[2]!, match[3] as Objective["comparison"], match[4]!];
  if (!Object.hasOwn(units, subject)) throw new Error(`unknown objective "${subject}" in "${expression}": known are ${subjects}`);
  const known = subject as Subject;
  const wanted = known === "availability" ? ">" : "<";
  if (!comparison.startsWith(wanted)) throw new Error(`${subject} takes ${wanted}, got "${expression}"`);
  if (scenario !== undefined && known !== "availability")
    throw new Error(`only availability can be that of one scenario, got "${expression}"`);
  return {
    expression,
    subject: known,
    ...(scenario !== undefined && { scenario }),
    comparison: comparison,
    limit: limitOf(known, limit, expression),
  };
}

function limitOf(subject: Subject, text: string, expression: string): number {
  if (units[subject] === "ms") return parseDurationMs(text);
  const value = units[subject] === "share" ? parseFraction(text) : Number(text);
  if (!Number.isFinite(value) || value < 0 || (units[subject] === "share" && value > 1))
    throw new Error(`expected ${units[subject] === "share" ? "a share such as 99.9%" : "a number"}, got "${expression}"`);
  return value;
}

/** What was not measured, or never came, does not meet an objective; what a store without writes lost does. */
export function judgeObjective(
  { expression, subject, scenario, comparison, limit }: Objective,
  figures: Figures,
): ObjectiveResult {
  const actual =
    subject === "availability"
      ? scenario === undefined
        ? figures.availability
        : figures.availabilityOf(scenario)
      : figures[units[subject] === "ms" ? (`${subject}Ms` as "recoverMs") : (subject as "lost")];
  const ok = actual !== null && compare(actual, comparison, limit);
  return { expression, ok, actual, unit: units[subject], limit };
}

function compare(actual: number, comparison: Objective["comparison"], limit: number): boolean {
  if (comparison === "<") return actual < limit;
  if (comparison === "<=") return actual <= limit;
  return comparison === ">" ? actual > limit : actual >= limit;
}

export function objectiveValue({ unit }: Pick<ObjectiveResult, "unit">, value: number | null): string {
  if (value === null) return "never";
  if (unit === "ms") return formatDurationMs(value);
  return unit === "share" ? formatAvailability(value) : formatCount(value);
}
