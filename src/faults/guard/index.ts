export { blastRadius, refusalOf } from "./check.ts";
export type { GuardSettings } from "./contract.ts";
export { watchNodes, type StopWatch } from "./during.ts";
export { takeExperimentLock } from "./lock.ts";
export { parseMaxBlast } from "./max-blast.ts";
export { parseStopConditions, type StopConditions } from "./stop-conditions.ts";
export { exitCodeOfStop, watchConditions } from "./watch.ts";
