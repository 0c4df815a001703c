export { nativeAccess } from "./access.ts";
export { applyNativePlan, checkFresh } from "./apply.ts";
export {
  defaultTiming,
  type NativeAccess,
  type NativeApplied,
  type NativeRunDeps,
  type NativeTiming,
  type NativeVerified,
} from "./contract.ts";
export { observeNative } from "./observe.ts";
export { reverseNative } from "./reverse.ts";
export { retirePeer } from "./retire.ts";
export { verifyNative } from "./verify.ts";
