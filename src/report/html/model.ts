import type { LoadSeries } from "../../load/export/result.ts";
import type { LoadResult } from "../../load/result.ts";
import { bandsOf, type Band } from "./timeline.ts";

/** Everything that the page is made from. */
export interface LoadPage {
  result: LoadResult;
  series: LoadSeries;
  version: string;
  runId?: string;
}

/** The time axis that all charts of a page share. */
export interface TimeAxis {
  /** Beginnings of its points. */
  seconds: number[];
  everySeconds: number;
  totalSeconds: number;
  bands: Band[];
}

/** The page's input with its time axis. */
export interface Model extends LoadPage {
  axis: TimeAxis;
}

export function modelOf(input: LoadPage): Model {
  const { result, series } = input;
  const { everySeconds, totalSeconds, points } = series;
  const bands = bandsOf(result.events, totalSeconds);
  return { ...input, axis: { seconds: points.map(({ second }) => second), everySeconds, totalSeconds, bands } };
}
