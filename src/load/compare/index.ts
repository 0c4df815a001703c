export { compareRuns } from "./compare.ts";
export { latenciesOf } from "./histogram.ts";
export { parseMaxRegression } from "./limits.ts";
export { compareResultSchema } from "./result.ts";
export type { CompareWindow, RunSeries } from "./series.ts";
export { seriesOf } from "./from-result.ts";
export { readRuns } from "./read.ts";
