import type { LoadResult } from "../load/result.ts";
import { formatCount, formatDurationMs, formatDurationUs, formatPercent, plural } from "../units.ts";
import type { Style } from "./style.ts";
import { table } from "./table.ts";

type Caching = NonNullable<LoadResult["caching"]>[number];

/** What each cache was worth, side by side: headers (`>`: a figure) and a row a scenario. Money is left out where nothing has a price. */
export interface CachingTable {
  headers: string[];
  rows: string[][];
  /** What the figures rest on. */
  notes: string[];
}

export function cachingTable({ caching = [] }: Pick<LoadResult, "caching">): CachingTable | undefined {
  if (caching.length === 0) return undefined;
  const priced = caching.some(({ price, monthly }) => price > 0 || monthly > 0);
  const us = (value: number | null) => (value === null ? "-" : formatDurationUs(value));
  return {
    headers: ["", "kept in", ">hits", ">calls", ">mean", ">p95", ...(priced ? [">cost", ">a month"] : [])],
    rows: caching.map((each) => [
      each.scenario,
      placeOf(each),
      formatPercent(each.hitRate),
      formatCount(each.backendCalls),
      ...[each.responseTimeUs.mean, each.responseTimeUs.p95].map(us),
      ...(priced ? [money(each.cost), each.costPerMonth === null ? "-" : money(each.costPerMonth)] : []),
    ]),
    notes: [
      ...backendNotes(caching),
      ...caching.flatMap(beside),
      ...(priced ? ["a month: 730 hours of calls at this rate, and what the cache costs"] : []),
    ],
  };
}

/** The same in a terminal. */
export function cachingLines(result: LoadResult, style: Style): string[] {
  const shown = cachingTable(result);
  if (!shown) return [];
  const columns = shown.headers.map((header) =>
    header.startsWith(">") ? { header: header.slice(1), align: "right" as const } : { header, flexible: header === "" },
  );
  return ["", table(columns, shown.rows, style), ...shown.notes.map((note) => style.dim(note))];
}

function placeOf({ driver, servers }: Caching): string {
  const memory = servers === 1 ? "memory" : `memory ×${servers}`;
  return driver === "memory" ? memory : driver === "redis" ? "one Redis" : `${memory}, Redis`;
}

/** What a hit saves: a line for each backend that differs. */
function backendNotes(caching: readonly Caching[]): string[] {
  const alike = Map.groupBy(caching, ({ backendPlusMs, price }) => `${backendPlusMs} ${price}`);
  return [...alike.values()].map((group) => {
    const { backendPlusMs, price } = group[0]!;
    const medians = group.flatMap(({ backendTimeUs }) => backendTimeUs?.p50 ?? []);
    const [least, most] = [Math.min(...medians), Math.max(...medians)].map(formatDurationUs);
    const took = medians.length === 0 ? "none was answered" : `p50 ${least === most ? least : `${least} to ${most}`}`;
    const plus = backendPlusMs > 0 ? `, ${formatDurationMs(backendPlusMs)} of it added by the profile` : "";
    const of = alike.size > 1 ? `${group.map(({ scenario }) => scenario).join(", ")}: ` : "";
    return `${of}a call to the backend: ${took}${plus}${price > 0 ? `; costs ${price}` : ""}`;
  });
}

function beside({ scenario, nearHits, shared, backendFailures }: Caching): string[] {
  const told = [
    nearHits > 0 && `${plural(nearHits, "hit")} from memory`,
    shared > 0 && `${plural(shared, "question")} waited for a call that was under way`,
    backendFailures > 0 && `${plural(backendFailures, "call")} failed`,
  ].filter((each) => each !== false);
  return told.length === 0 ? [] : [`${scenario}: ${told.join(", ")}`];
}

function money(value: number): string {
  return value >= 1000 ? formatCount(Math.round(value)) : value >= 100 ? value.toFixed(0) : value.toFixed(2);
}
