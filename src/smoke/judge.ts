import type { ObjectivesConfig } from "../config/schema.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import type { LoadResult } from "../load/result.ts";
import { formatDurationUs, formatPercent, plural } from "../units.ts";
import { smokeObjectives } from "./objectives.ts";

/** The sentence for a finished run. @throws RagctlError exit 4 or 6 where its verdict is not pass */
export function judgeQueries(result: LoadResult, collection: string, objectives: ObjectivesConfig): string {
  const { counts, responseTimeUs, thresholds, verdict, reasons } = result;
  const shown = responseTimeUs.p50 === null ? "" : `, p50 ${us(responseTimeUs.p50)}, max ${us(responseTimeUs.max)}`;
  const measured = `${counts.ok} of ${counts.scheduled} queries of ${collection} ok${shown}`;
  const missed = thresholds
    .filter(({ ok }) => !ok)
    .map(
      ({ expression, actual, unit }) =>
        `${expression} was ${actual === null ? "infinite" : unit === "us" ? us(actual) : formatPercent(actual)}`,
    );
  if (verdict === "fail")
    throw new RagctlError(`${[...missed, measured].join("; ")}${unjudgedText(objectives, counts.scheduled)}`, {
      code: "smoke-objectives",
      exitCode: ExitCode.failed,
      hint: `ragctl load --rps ${result.spec.ratePerSec ?? 25} --collection ${collection} shows more`,
    });
  if (verdict === "inconclusive")
    throw new RagctlError(`inconclusive: ${[...reasons, measured].join("; ")}`, {
      code: "smoke-inconclusive",
      exitCode: ExitCode.inconclusive,
      hint: "this machine was too busy to tell; try again when it is not",
    });
  const held = thresholds.filter(({ source }) => source === "objective").map(({ expression }) => expression);
  const unmeasured = objectives.recallAt10 === undefined ? "" : "; recall is not measured here";
  return `${measured}${held.length > 0 ? `; ${held.join(", ")} held` : "; the config has no objectives for latency or errors"}${unjudgedText(objectives, counts.scheduled)}${unmeasured}`;
}

/** `; p99 not judged (50 queries are too few): its limit is held against p80`. */
function unjudgedText(objectives: ObjectivesConfig, samples: number): string {
  const { unjudged } = smokeObjectives(objectives, samples);
  const [first] = unjudged;
  if (!first) return "";
  const names = unjudged.map(({ objective }) => objective).join(" and ");
  return `; ${names} not judged (too few in ${plural(samples, "query")}): ${unjudged.length > 1 ? "their limits are" : "the limit is"} held against ${first.standIn}`;
}

function us(value: number | null): string {
  return formatDurationUs(value ?? Number.POSITIVE_INFINITY);
}
