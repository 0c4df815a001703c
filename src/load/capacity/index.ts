export { capacityResultSchema, type CapacityProbe, type CapacityResult } from "./result.ts";
export { findCapacity, outcomeOf, type CapacityDeps, type CapacityRunOptions } from "./run.ts";
export { nextProbe, type CapacityAnswer, type CapacityOptions, type Probe, type ProbeOutcome } from "./search.ts";
