export type { Run, RunEvent, RunSummary } from "./contract.ts";
export { makeRunId, runsDir } from "./layout.ts";
export { openRun, type RunOptions } from "./open.ts";
export { listRuns, pruneRuns, readRun, runIds, type RunDetail } from "./read.ts";
