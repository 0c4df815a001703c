import type { CapacityProbe, CapacityResult } from "../load/capacity/result.ts";
import { formatDurationMs, formatDurationUs, formatPercent, formatRate } from "../units.ts";
import { bar, logAxis } from "./load-plot.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

const barWidth = 18;

/** A capacity search for people: the rate first, then why, then the knee. */
export function capacityReport(result: CapacityResult, style: Style): string {
  const { target, slos, options, probes } = result;
  return [
    ...headline(result, style),
    style.dim(`${target} · ${slos.join(", ")} · each rate held ${formatDurationMs(options.holdMs)}`),
    "",
    ...(probes.length > 0 ? [kneeOf(probes, style)] : []),
    ...notes(result).map((note) => style.dim(note)),
  ].join("\n");
}

function headline(
  { ratePerSec, interval, firstBroken, generatorBound, generatorReason, interrupted, options }: CapacityResult,
  style: Style,
): string[] {
  const upTo = interval.highPerSec === null ? "and more" : `to ${formatRate(interval.highPerSec)}`;
  const rate =
    ratePerSec === null
      ? style.bad(style.bold(interrupted ? "unknown" : `below ${formatRate(options.minPerSec)}`))
      : `${style.good(style.bold(formatRate(ratePerSec)))} holds (between ${formatRate(interval.lowPerSec)} ${upTo})`;
  return [
    `${rate}${interrupted ? style.warn(" · interrupted: what is known so far") : ""}`,
    ...(firstBroken === null ? [] : [`  first to break: ${firstBroken}`]),
    ...(generatorBound
      ? [style.warn(`  the generator was the limit, the system may hold more: ${generatorReason ?? "it could not send"}`)]
      : []),
    ...(interval.highPerSec === null && ratePerSec !== null && !interrupted
      ? ["  nothing that was tried broke: raise --max"]
      : []),
  ];
}

/** One line a rate, in order of rate: where the bars leap is the knee. */
function kneeOf(probes: readonly CapacityProbe[], style: Style): string {
  const byRate = Map.groupBy(probes, ({ ratePerSec }) => ratePerSec);
  const axis = logAxis(probes.map(({ responseP99Us }) => responseP99Us));
  const rows = [...byRate]
    .toSorted(([a], [b]) => a - b)
    .map(([ratePerSec, group]) => {
      const p99 = median(group.flatMap(({ responseP99Us }) => responseP99Us ?? []));
      const held = group.filter(({ outcome }) => outcome.kind === "pass").length;
      const unclear = group.filter(({ outcome }) => outcome.kind === "inconclusive").length;
      const mark =
        held * 2 > group.length ? style.good("held") : unclear * 2 > group.length ? style.warn("unclear") : style.bad("broke");
      return [
        formatRate(ratePerSec),
        group.length === 1 ? mark : `${mark} ${held}/${group.length}`,
        formatRate(median(group.map(({ completedPerSec }) => completedPerSec)) ?? 0),
        formatPercent(median(group.map(({ errors }) => errors)) ?? 0),
        p99 === undefined ? "-" : formatDurationUs(p99),
        p99 === undefined ? "" : bar(axis, p99, barWidth),
      ];
    });
  const right = (header: string) => ({ header, align: "right" as const });
  const columns = [right("rate"), { header: "" }, right("answered"), right("errors"), right("p99"), { header: "(log scale)" }];
  return table(columns, rows, style);
}

function notes({ confirmed, interrupted, probes, colocated, options }: CapacityResult): string[] {
  return [
    `${probes.length} rates held${confirmed ? ", both ends confirmed by a majority of repeats" : ""}; resolution ${formatPercent(options.resolution)}`,
    ...(confirmed || interrupted ? [] : ["the repeats did not agree before the search ended"]),
    ...(colocated ? ["the target shared the generator's machine: the rate is of both together"] : []),
  ];
}

function median(values: readonly number[]): number | undefined {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}

/** One held rate, as it is known. */
export function probeNote({ ratePerSec, kind, outcome, responseP99Us, completedPerSec }: CapacityProbe): string {
  const p99 = responseP99Us === null ? "" : `, p99 ${formatDurationUs(responseP99Us)}`;
  const said =
    outcome.kind === "pass"
      ? "held"
      : outcome.kind === "fail"
        ? `broke ${outcome.broke.join(", ")}`
        : `unclear: ${outcome.reason}`;
  return `${formatRate(ratePerSec)} ${said}${p99}, ${formatRate(completedPerSec)} answered${kind === "confirm" ? " (repeat)" : ""}`;
}
