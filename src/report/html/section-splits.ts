import { formatCount } from "../../units.ts";
import type { LoadResult } from "../../load/result.ts";
import { cachingTable } from "../load-caching.ts";
import { memoryOnlyLines } from "../load-figures.ts";
import { duration } from "./figures.ts";
import { markup, type Content, type Markup } from "./markup.ts";
import { htmlTable, section } from "./tables.ts";

/** The same figures by scenario and by what the cache said, and what was measured beside them. */
export function splitsSection({ perScenario, perCache, times, recall, memoryOnly }: LoadResult): Markup | undefined {
  const withoutRedis = memoryOnlyLines({ memoryOnly, perCache });
  const latency = ({ n, p50, p95, p99, max }: LoadResult["responseTimeUs"]): Content[] => [
    formatCount(n),
    duration(p50),
    duration(p95),
    duration(p99),
    duration(max),
  ];
  const figures = [">ok", ">p50", ">p95", ">p99", ">max"];
  const tables = [
    perScenario.length > 0 &&
      htmlTable(
        ["scenario", "operation", ...figures, ">not ok"],
        perScenario.map(({ name, operation, counts, responseTimeUs }) => [
          name,
          operation,
          ...latency(responseTimeUs),
          lost(counts.scheduled - counts.ok),
        ]),
      ),
    perCache.length > 0 &&
      htmlTable(
        ["cache", ...figures],
        perCache.map(({ outcome, responseTimeUs }) => [outcome, ...latency(responseTimeUs)]),
      ),
    times.length > 0 &&
      htmlTable(
        ["measured", ...figures.with(0, ">came"), ">never came"],
        times.map(({ name, timeUs, never }) => [spaced(name), ...latency(timeUs), lost(never)]),
      ),
    recall.length > 0 &&
      htmlTable(
        ["recall", ">mean", ">95 % interval", ">searches"],
        recall.map(({ k, n, mean, low, high }) => [
          `recall@${k}`,
          mean.toFixed(4),
          `${low.toFixed(4)} – ${high.toFixed(4)}`,
          formatCount(n),
        ]),
      ),
  ].filter((table) => table !== false);
  if (tables.length === 0 && withoutRedis.length === 0) return undefined;
  return section("splits", perScenario.length > 0 ? "By scenario" : "Measured beside the latency", undefined, [
    ...tables.map((table) => markup`<div class="split">${table}</div>`),
    withoutRedis.length > 0 &&
      markup`<ul class="audit">${withoutRedis.map((line) => markup`<li class="warn">${line}</li>`)}</ul>`,
  ]);
}

/** What each cache was worth, side by side. */
export function cachingSection(result: LoadResult): Markup | undefined {
  const shown = cachingTable(result);
  if (!shown) return undefined;
  return section("caching", "Caches side by side", undefined, [
    markup`<div class="split">${htmlTable(shown.headers, shown.rows)}</div>`,
    ...shown.notes.map((note) => markup`<p class="lead">${note}</p>`),
  ]);
}

function lost(count: number): Content {
  return count > 0 ? markup`<span class="bad">${formatCount(count)}</span>` : "0";
}

/** firstToken → first token. */
export function spaced(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
