export { blastRadius, checkGuards, refusalOf } from "./check.ts";
export type { GuardDeps, GuardInput, GuardSettings } from "./contract.ts";
export { takeExperimentLock, type ExperimentLock } from "./lock.ts";
export { parseMaxBlast, type MaxBlast } from "./max-blast.ts";
