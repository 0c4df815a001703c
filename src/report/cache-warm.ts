import type { CacheWarmResult, WarmPlanResult } from "../warming/result.ts";
import { formatBytes, formatCount, formatDurationMs, formatDurationUs, formatPercent, formatRate, plural } from "../units.ts";
import { columnsOf, sparkline } from "./sparkline.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

/** What warming came to: predicted beside achieved, what was tried again, how the pace went. */
export function cacheWarmReport(result: CacheWarmResult, style: Style): string {
  const { plan, notes } = result;
  if (result.dryRun) {
    const lines = [...warmPlanLines(plan, style), ...firstQueries(plan, style), ...notes.map((note) => style.dim(note))];
    return lines.join("\n");
  }
  return [
    style.bold(headline(result, style)),
    "",
    ...hitRateLines(result, style),
    ...countLines(result, style),
    ...paceLines(result, style),
    ...notes.map((note) => style.dim(note)),
  ].join("\n");
}

const label = (name: string, text: string) => `  ${name.padEnd(11)}${text}`;

function headline(
  { planned, warmed, skipped, failed, stopped, elapsedMs, through, left }: CacheWarmResult,
  style: Style,
): string {
  const what = `${formatCount(warmed + skipped)} of ${plural(planned, "query")} warm in ${formatDurationMs(elapsedMs)}, through ${through.kind} ${through.name}`;
  if (stopped === "interrupted") return `${style.warn("interrupted:")} ${what}`;
  if (failed > 0) return `${style.bad("not all:")} ${what}; ${formatCount(failed)} failed`;
  if (stopped === "time") return `${style.warn("time is up:")} ${what}; ${formatCount(left)} left`;
  if (stopped === "cache-full") return `${style.warn("the cache is full:")} ${what}; more would only evict`;
  return `${style.good("done:")} ${what}`;
}

function hitRateLines({ predictedHitRate, achievedHitRate, before, after, plan }: CacheWarmResult, style: Style): string[] {
  const predicted = predictedHitRate === null ? "not predicted" : `${formatPercent(predictedHitRate)} predicted`;
  const was = before ? ` · ${formatPercent(before.hitRate)} before` : "";
  if (achievedHitRate === null || !after) return [label("hit rate", `${predicted}${was}`)];
  const off = predictedHitRate === null ? 0 : achievedHitRate - predictedHitRate;
  const near = Math.abs(off) <= Math.max(0.03, 3 * plan.predictedError);
  const achieved = `${formatPercent(achievedHitRate)} achieved`;
  return [
    label("hit rate", `${near ? style.good(achieved) : style.warn(achieved)} · ${predicted}${was}`),
    label("", style.dim(`of ${plural(after.references, "held-out question")}, replayed without filling`)),
  ];
}

function countLines(
  { warmed, skipped, failed, left, resumed, retried, failures, plan }: CacheWarmResult,
  style: Style,
): string[] {
  const parts = [
    `${formatCount(warmed)} stored`,
    skipped > 0 ? `${formatCount(skipped)} were warm` : "",
    failed > 0 ? style.bad(`${formatCount(failed)} failed`) : "",
    left > 0 ? style.warn(`${formatCount(left)} left`) : "",
    resumed > 0 ? `${formatCount(resumed)} of them before this attempt` : "",
  ];
  const reason = ({ reason, count }: { reason: string; count: number }) => label("", `${formatCount(count)} × ${reason}`);
  return [
    label("queries", parts.filter(Boolean).join(" · ")),
    ...failures.slice(0, 5).map((each) => style.bad(reason(each))),
    ...(retried.queries > 0
      ? [
          label("retried", `${plural(retried.queries, "query")}, ${plural(retried.attempts, "further attempt")}`),
          ...retried.reasons.slice(0, 5).map((each) => style.dim(reason(each))),
        ]
      : []),
    ...spreadLines(plan),
  ];
}

function spreadLines({ spread }: WarmPlanResult): string[] {
  if (spread.length < 2) return [];
  const mean = spread.reduce((sum, { keys }) => sum + keys, 0) / spread.length;
  const most = Math.max(...spread.map(({ keys }) => Math.abs(keys - mean) / mean));
  return [
    label(
      "primaries",
      `${spread.map(({ keys }) => formatCount(keys)).join(" · ")} keys; at most ${formatPercent(most)} off the mean`,
    ),
  ];
}

const objectionTexts = {
  "store-latency": "the store was slow",
  "store-failing": "the store failed",
  "cache-failing": "the cache failed",
  "cache-evicts": "the cache evicted",
};

function paceLines({ pace, guard }: CacheWarmResult, style: Style): string[] {
  if (pace.length === 0) return [];
  const width = Math.max(10, Math.min(60, style.columns - 32));
  const rates = columnsOf(pace, width, (part) => Math.min(...part.map(({ ratePerSec }) => ratePerSec)));
  const p99 = columnsOf(pace, width, (part) => {
    const known = part.flatMap(({ p99Us }) => p99Us ?? []);
    return known.length > 0 ? Math.max(...known) : null;
  });
  const most = Math.max(...pace.map(({ ratePerSec }) => ratePerSec));
  const slowest = Math.max(...p99.map((value) => value ?? 0));
  const gaveWay = Object.entries(guard.objections).map(
    ([name, count]) => `${objectionTexts[name as keyof typeof objectionTexts]} (${formatDurationMs(count * 250)})`,
  );
  const objective = `p99 of a search ${formatDurationMs(guard.objectiveMs)} (${{ config: "the cluster's objective", measured: "from what was measured", flag: "as told" }[guard.objectiveFrom]})`;
  return [
    label("rate", `${sparkline(rates, [0, most])} up to ${formatRate(most)}`),
    label("p99", `${sparkline(p99, [0, Math.max(slowest, guard.objectiveMs * 1000)])} up to ${formatDurationUs(slowest)}`),
    label("guard", guard.on ? objective : style.warn("off")),
    ...(gaveWay.length > 0 ? [label("", `gave way: ${gaveWay.join(", ")}`)] : []),
    ...(guard.evicted > 0 ? [label("evicted", style.warn(plural(guard.evicted, "key")))] : []),
  ];
}

/** The plan, before anything is stored. */
export function warmPlanLines(plan: WarmPlanResult, style: Style): string[] {
  const { source, queries, predictedHitRate, predictedError, savedPer1000, entryBytes, bytes, freeBytes, limitedBy } = plan;
  const limits = {
    top: "--top",
    threshold: "--threshold",
    queries: "the budget of queries",
    bytes: "the budget of memory",
    time: "the budget of time",
    cache: "the cache's free memory",
  };
  const from = source.kind === "popular" ? "what the cache has counted" : `${source.kind} ${source.file}`;
  const saved = [
    `${formatDurationMs(savedPer1000.latencyMs)} of waiting`,
    savedPer1000.tokens > 0 ? `${formatCount(savedPer1000.tokens)} tokens` : "",
    savedPer1000.money > 0 ? `${savedPer1000.money.toPrecision(3)} of money` : "",
  ];
  return [
    style.bold(`plan: ${plural(queries, "query")} of ${formatCount(source.distinct)}, from ${from}`),
    label(
      "hit rate",
      predictedHitRate === null
        ? "not predicted"
        : `${formatPercent(predictedHitRate)} ± ${(predictedError * 100).toFixed(1)} predicted · ${formatPercent(plan.unseenShare)} of what comes is new`,
    ),
    label("saves", `${saved.filter(Boolean).join(", ")} per 1,000 questions; ranked by ${plan.rankedBy}`),
    label(
      "takes",
      `${formatDurationMs(plan.leastTimeMs)} at least${bytes === null || entryBytes === null ? "" : ` · ${formatBytes(bytes)} (${formatBytes(entryBytes)} each)${freeBytes === null ? "" : ` of ${formatBytes(freeBytes)} free`}`}`,
    ),
    ...(limitedBy ? [label("ends by", limits[limitedBy])] : []),
    ...spreadLines(plan),
  ];
}

function firstQueries({ first }: WarmPlanResult, style: Style): string[] {
  if (first.length === 0) return [];
  const columns = [
    { header: "query", flexible: true },
    { header: "asked", align: "right" as const },
    { header: "chance", align: "right" as const },
    { header: "a hit saves", align: "right" as const },
  ];
  const rows = first.map(({ query, count, probability, saving }) => [
    shortened(query),
    formatCount(count),
    formatPercent(probability),
    formatDurationMs(saving.latencyMs),
  ]);
  return ["", table(columns, rows, style), ""];
}

/** Wherever it is shown, a table of queries stays within a terminal. */
function shortened(query: string): string {
  return query.length > 44 ? `${query.slice(0, 43)}…` : query;
}

/** The changing part of the progress line. */
export function warmProgressNote(progress: {
  failed: number;
  ratePerSec: number;
  objection: keyof typeof objectionTexts | undefined;
}): string {
  const { failed, ratePerSec, objection } = progress;
  return [
    `up to ${formatRate(ratePerSec)}`,
    objection ? objectionTexts[objection] : "",
    failed > 0 ? `${formatCount(failed)} failed` : "",
  ]
    .filter(Boolean)
    .join(" · ");
}
