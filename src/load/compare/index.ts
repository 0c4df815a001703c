export { compareRuns, type CompareOptions } from "./compare.ts";
export { latenciesOf } from "./histogram.ts";
export { parseMaxRegression, type MaxRegression } from "./limits.ts";
export { compareResultSchema, type CompareResult, type MetricComparison } from "./result.ts";
export type { CompareWindow, RunSeries, WindowCounts } from "./series.ts";
