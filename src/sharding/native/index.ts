export type * from "./contract.ts";
export { nativeFingerprint } from "./fingerprint.ts";
export { planNative } from "./plan.ts";
export { reversedNative } from "./reverse.ts";
export { placesOf, shardStepsOf, staleShards } from "./stale.ts";
export { holdersOf } from "./steps.ts";
