export { blastRadius, checkGuards, refusalOf } from "./check.ts";
export type { GuardSettings } from "./contract.ts";
export { watchNodes, type StopWatch } from "./during.ts";
export { takeExperimentLock, type ExperimentLock } from "./lock.ts";
export { parseMaxBlast, type MaxBlast } from "./max-blast.ts";
export { parseStopConditions, type StopConditions } from "./stop-conditions.ts";
export { exitCodeOfStop, watchConditions } from "./watch.ts";
