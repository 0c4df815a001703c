export { findCapacity } from "./run.ts";
export { nextProbe, type CapacityAnswer, type CapacityOptions, type Probe, type ProbeOutcome } from "./search.ts";
