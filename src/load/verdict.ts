import { formatDurationMs, formatDurationUs, formatPercent, plural } from "../units.ts";
import type { DropCause } from "./contract.ts";
import type { Counts } from "./recorder/tally.ts";
import { holdsOnServiceTime, type Threshold, type ThresholdResult } from "./thresholds.ts";

export type Verdict = "pass" | "fail" | "inconclusive";

/** Of the scheduled operations the generator must have sent this share, or the run says nothing about the target. */
const generatorMustSend = 0.99;

export interface VerdictInput {
  counts: Counts;
  droppedByCause: Record<DropCause, number>;
  thresholds: readonly { threshold: Threshold; result: ThresholdResult }[];
  /** p99 of the schedule lag; undefined when nothing was sent. */
  scheduleLagP99Us: number | undefined;
  /** How long sending what was due took; absent where nothing is due at a time (closed loops). */
  sending?: { wantedUs: number; tookUs: number; scheduleLagP50Us: number };
}

/**
 * The share of what was due that was sent while it was due, where the generator fell behind and stayed behind. A hiccup at
 * the very end is none: then the middle request was on time.
 */
function sentInTime({ sending }: VerdictInput): number {
  if (!sending) return 1;
  const overrunUs = sending.tookUs - sending.wantedUs;
  return sending.scheduleLagP50Us > overrunUs / 10 && overrunUs > 0 ? sending.wantedUs / sending.tookUs : 1;
}

/**
 * The table of DESIGN.md ("Measurement"), row by row. Reasons are sentences; the first says what decided.
 */
export function decideVerdict(input: VerdictInput): { verdict: Verdict; reasons: string[] } {
  const { counts, thresholds } = input;
  if (counts.scheduled === 0) return { verdict: "inconclusive", reasons: ["nothing was due before the run was stopped"] };
  const notes = dropNotes(input);
  const byGenerator = counts.dropped - input.droppedByCause["in-flight-target"];
  if (byGenerator > 0 && counts.scheduled - byGenerator < generatorMustSend * counts.scheduled)
    return {
      verdict: "inconclusive",
      reasons: [
        `the generator sent only ${formatPercent(counts.sent / counts.scheduled)} of what was due, and left out ${plural(byGenerator, "operation")}`,
        ...notes,
      ],
    };
  const inTime = sentInTime(input);
  if (inTime < generatorMustSend && input.sending)
    return {
      verdict: "inconclusive",
      reasons: [
        `the generator fell behind: what was due in ${formatDurationUs(input.sending.wantedUs)} took it ${formatDurationUs(input.sending.tookUs)} to send, ${formatPercent(inTime)} of the rate`,
        ...notes,
      ],
    };
  const failed = thresholds.filter(({ result }) => !result.ok);
  if (failed.length === 0) return { verdict: "pass", reasons: notes };
  const lagging = failed.filter((entry) => lagExplains(entry, input.scheduleLagP99Us));
  const certain = failed.filter((entry) => !lagging.includes(entry));
  if (certain.length > 0)
    return {
      verdict: "fail",
      reasons: [...certain.map(({ result }) => failure(result)), ...fastButWrong(thresholds), ...notes],
    };
  return {
    verdict: "inconclusive",
    reasons: [
      ...lagging.map(
        ({ result }) =>
          `${failure(result)}, but service time was ${latency(result.actualServiceTime)}: the generator sent late (schedule lag p99 ${formatDurationUs(input.scheduleLagP99Us ?? 0)})`,
      ),
      ...notes,
    ],
  };
}

function lagExplains(
  { threshold, result }: { threshold: Threshold; result: ThresholdResult },
  lagP99Us: number | undefined,
): boolean {
  return (
    threshold.metric === "latency" &&
    holdsOnServiceTime(threshold, result) &&
    (lagP99Us ?? 0) > Math.max(2000, threshold.limitUs / 10)
  );
}

function failure({ expression, actual, unit, n, windows, interval }: ThresholdResult): string {
  if (n === 0) return `${expression} failed: nothing of the kind was measured`;
  const was = unit === "us" ? latency(actual) : formatPercent(actual ?? 0);
  if (windows)
    return `${expression} failed in ${windows.failed} of ${windows.count} windows: the worst, ${formatDurationMs(windows.worstAtMs)} into the run, had ${was}`;
  const between = interval ? ` (95 % interval ${formatPercent(interval.low)} to ${formatPercent(interval.high)})` : "";
  return `${expression} failed: it was ${was}${between}`;
}

/** Latency that holds while recall falls is no good latency: said where a reader of percentiles alone would be content. */
function fastButWrong(thresholds: VerdictInput["thresholds"]): string[] {
  const latencies = thresholds.filter(({ threshold }) => threshold.metric === "latency");
  const recallFell = thresholds.some(({ threshold, result }) => threshold.metric === "recall" && !result.ok && result.n > 0);
  const held = latencies.length > 0 && latencies.every(({ result }) => result.ok);
  return recallFell && held ? ["latency held while recall fell: the answers came in time, and were the wrong ones"] : [];
}

function latency(us: number | null | undefined): string {
  return us === null || us === undefined ? "infinite (too many operations were not ok)" : formatDurationUs(us);
}

const dropSentences: Record<DropCause, string> = {
  "in-flight-target": "dropped: over --max-in-flight because the target was slow",
  "in-flight-generator":
    "dropped: over --max-in-flight although the target was not slow (raise it, or the generator was too busy to read answers)",
  late: "dropped: due longer ago than --timeout when the generator got that far",
  sockets: "found no socket on this machine",
};

function dropNotes({ droppedByCause }: VerdictInput): string[] {
  return (Object.keys(dropSentences) as DropCause[])
    .filter((cause) => droppedByCause[cause] > 0)
    .map((cause) => `${plural(droppedByCause[cause], "operation")} ${dropSentences[cause]}`);
}
