import type { RebalanceDriftResult } from "../rebalance/drift/result.ts";
import { formatCount, formatPercent, plural } from "../units.ts";
import { recallText, timesMean } from "./rebalance-simulate.ts";
import { shareBar } from "./share-bar.ts";
import { fold } from "./shard-plan.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

const barWidth = 16;
const shardsShown = 24;

/** Drift for people: the verdict, three columns of figures, and the cells that changed most. */
export function rebalanceDriftReport(result: RebalanceDriftResult, style: Style): string {
  const { refitPays, reasons, collection, cluster, modelId, points, sample, queries, k, target, fitted, now, refit, moved } =
    result;
  const right = (header: string) => ({ header, align: "right" as const });
  const inertia = (value: number) => value.toPrecision(4);
  const rows = [
    [
      "inertia a point",
      fitted ? inertia(fitted.inertiaPerPoint) : "-",
      inertia(now.inertiaPerPoint),
      inertia(refit.inertiaPerPoint),
    ],
    [
      "largest cell",
      fitted ? timesMean(fitted.sizeMaxOverMean) : "-",
      timesMean(now.sizeMaxOverMean),
      timesMean(refit.sizeMaxOverMean),
    ],
    [`recall@${k}, ${plural(now.probes, "cell")} asked`, "", recallText(now.recall), recallText(refit.recall)],
    [`cells for recall ≥ ${target}`, "", `${now.probesForTarget}`, `${refit.probesForTarget}`],
    ["work of a query then", "", formatPercent(now.work), formatPercent(refit.work)],
    ["hottest node then", "", timesMean(now.heatMaxOverMean), timesMean(refit.heatMaxOverMean)],
  ];
  const since = fitted ? `; ${formatPercent(moved)} of the points are in other cells than they would have been then` : "";
  return [
    refitPays ? style.warn("a refit would pay:") : style.good("the cells still fit:"),
    ...reasons.map((reason) => fold(`  ${reason}`, style.columns)),
    style.dim(`collection ${collection} of cluster ${cluster}, model ${modelId}`),
    style.dim(
      fold(`by ${formatCount(sample)} of ${plural(points, "point")} and ${plural(queries, "query")}${since}`, style.columns),
    ),
    "",
    table([{ header: "" }, right("when fitted"), right("now"), right("refitted")], rows, style),
    "",
    shardsTable(result, style),
  ].join("\n");
}

function shardsTable({ shards, fitted }: RebalanceDriftResult, style: Style): string {
  const change = ({ share, fittedShare }: (typeof shards)[number]) => Math.abs(share - (fittedShare ?? 1 / shards.length));
  const shown = new Set(shards.toSorted((a, b) => change(b) - change(a)).slice(0, shardsShown));
  const most = Math.max(...shards.map(({ share }) => share));
  const rows = shards
    .filter((shard) => shown.has(shard))
    .map(({ id, share, fittedShare, heat, inertiaPerPoint }) => {
      const now = [formatPercent(share), shareBar(share, most, barWidth), formatPercent(heat), inertiaPerPoint.toPrecision(4)];
      return fitted ? [`${id}`, formatPercent(fittedShare ?? 0)].concat(now) : [`${id}`].concat(now);
    });
  const right = (header: string) => ({ header, align: "right" as const });
  const columns = [
    right("cell"),
    ...(fitted ? [right("then")] : []),
    right("now"),
    { header: "" },
    right("asked by"),
    right("inertia a point"),
  ];
  const rest = shards.length > shardsShown ? `\n… and ${shards.length - shardsShown} more that changed less (--json)` : "";
  return table(columns, rows, style) + rest;
}
