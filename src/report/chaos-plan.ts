import type { ExperimentPlan } from "../experiments/result.ts";
import { formatDurationMs, formatPercent, formatRate } from "../units.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

/** What an experiment would do, and whom it would hit. */
export function chaosPlanReport(plan: ExperimentPlan, style: Style): string {
  const { experiment, cluster, load, thresholds, objectives, beforeMs, methodMs, exact, recoverWithinMs, steps } = plan;
  const row = (name: string, text: string) => `${style.dim(name.padEnd(13))} ${text}`;
  const refusals = steps.flatMap(({ name, radius, impossible }) => [
    ...(radius?.refusals.map(({ message }) => `${name}: ${message}`) ?? []),
    ...(impossible === undefined ? [] : [`${name}: ${impossible}`]),
  ]);
  return [
    `${style.bold(experiment.name)} on ${cluster}: nothing was touched`,
    ...(experiment.description === undefined ? [] : [style.dim(experiment.description)]),
    "",
    ...load.map(({ scenario, operation, ratePerSec, peakPerSec, executor }, index) =>
      row(
        index === 0 ? "load" : "",
        `${scenario}: ${operation}, ${ratePerSec === null ? executor : formatRate(ratePerSec)}${peakPerSec !== null && ratePerSec !== null && peakPerSec > ratePerSec ? ` up to ${formatRate(peakPerSec)}` : ""}`,
      ),
    ),
    row("steady state", `${thresholds.join(", ")}, for ${formatDurationMs(beforeMs)}`),
    row(
      "method",
      `${exact ? "" : "at most "}${formatDurationMs(methodMs)}, then recovery within ${formatDurationMs(recoverWithinMs)}`,
    ),
    row("objectives", objectives.join(", ")),
    "",
    table(
      [
        { header: "at", align: "right" },
        { header: "step", flexible: true },
        { header: "for", align: "right" },
        { header: "nodes" },
        { header: "hashes", align: "right" },
        { header: "searches", align: "right" },
        { header: "unserved", align: "right" },
      ],
      steps.map(({ name, kind, atMs, exact, lengthMs, nodes, radius }) => [
        `${exact ? "" : "≥ "}${atMs === 0 ? "0 s" : formatDurationMs(atMs)}`,
        name,
        kind === "fault" || kind === "wait" ? formatDurationMs(lengthMs) : lengthMs > 0 ? `≤ ${formatDurationMs(lengthMs)}` : "",
        nodes?.join(", ") ?? "",
        radius ? most(radius.collections, ({ affected }) => affected.share) : "",
        radius ? most(radius.collections, ({ queries }) => queries.asking) : "",
        radius ? most(radius.collections, ({ unserved }) => unserved.share) : "",
      ]),
      style,
    ),
    ...(refusals.length > 0 ? ["", ...refusals.map((each) => style.bad(each))] : []),
  ].join("\n");
}

type Collection = NonNullable<ExperimentPlan["steps"][number]["radius"]>["collections"][number];

/** Of the collection that is hit most. */
function most(collections: readonly Collection[], of: (collection: Collection) => number): string {
  return collections.length === 0 ? "-" : formatPercent(Math.max(...collections.map(of)));
}
