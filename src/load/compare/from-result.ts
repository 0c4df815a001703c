import { decodeFromCompressedBase64, type JsHistogram } from "hdr-histogram-js";
import type { LoadResult } from "../result.ts";
import { latenciesOf } from "./histogram.ts";
import type { CompareWindow, RunSeries } from "./series.ts";

interface StoredWindow {
  startMs: number;
  counts: CompareWindow["counts"];
  hdr: string | undefined;
  recall: CompareWindow["recall"];
}

/** A stored load run as a comparison takes it: its finest windows, and what must be equal. */
export function seriesOf(name: string, result: LoadResult): RunSeries {
  const { spec, series, windows, verdict, reasons } = result;
  const first = result.recall[0] ? `recall@${result.recall[0].k}` : undefined;
  const stored: StoredWindow[] = series
    ? series.windows.map(({ startMs, ok, errors, dropped, responseHistogram, recall }) => ({
        startMs,
        counts: { ok, errors, dropped },
        hdr: responseHistogram,
        recall,
      }))
    : windows.map(({ second, counts, responseHistogram, recall }) => {
        const judged = first === undefined ? undefined : recall?.[first];
        return {
          startMs: second * 1000,
          counts: { ok: counts.ok, errors: counts.errors + counts.unfinished, dropped: counts.dropped },
          hdr: responseHistogram,
          recall: judged && { n: judged.n, sum: judged.n * judged.mean },
        };
      });
  return {
    name,
    windowMs: series?.windowMs ?? 1000 * (windows[0]?.seconds ?? 1),
    durationMs: result.interrupted || result.abortedBy !== null ? result.elapsedMs : spec.durationMs,
    windows: stored.map(windowOf),
    ...(spec.ratePerSec !== null && { targetPerSec: spec.ratePerSec }),
    conditions: conditionsOf(result),
    ...(verdict === "inconclusive" && { inconclusive: reasons[0] ?? "the generator was the limit" }),
  };
}

function windowOf({ startMs, counts, hdr, recall }: StoredWindow): CompareWindow {
  const latencyUs = hdr === undefined ? { values: [], counts: [] } : latenciesOf(decodeFromCompressedBase64(hdr) as JsHistogram);
  return { startMs, counts, latencyUs, ...(recall && { recall }) };
}

/** Whether its windows have their histograms; what `--json` prints has not. */
export function hasHistograms({ series, windows }: LoadResult): boolean {
  const of = series?.windows ?? windows.map(({ counts, responseHistogram }) => ({ ok: counts.ok, responseHistogram }));
  return of.every(({ ok, responseHistogram }) => ok === 0 || responseHistogram !== undefined);
}

/**
 * What was asked, of what: figures of other questions say nothing about each other. Addresses are left out (they change with every start), as are nodes,
 * topology and versions: those are what people compare.
 */
function conditionsOf({ target, spec, scenarios }: LoadResult): RunSeries["conditions"] {
  const common = {
    target: target.kind,
    timeoutMs: spec.timeoutMs,
    scenarios: scenarios
      .map(({ name, operation, executor, vus }) =>
        [name, operation, executor, ...(vus === undefined ? [] : [`${vus} users`])].join(" "),
      )
      .join(", "),
  };
  switch (target.kind) {
    case "http":
      return { ...common, request: `${target.method} ${new URL(target.url).pathname}`, bodyBytes: target.bodyBytes };
    case "search": {
      const { from, count, dim } = target.queries;
      return {
        ...common,
        collection: target.collection,
        k: target.k,
        ef: target.ef,
        queries: `${count} of ${dim} dimensions from ${from}`,
      };
    }
    default:
      return {
        ...common,
        profile: target.profile,
        does: target.scenarios.map(({ name, does }) => `${name}: ${does}`).join("; "),
      };
  }
}
