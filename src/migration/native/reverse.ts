import { reversedNative, type NativePlan } from "../../sharding/native/index.ts";
import type { Plan } from "../../sharding/plan/contract.ts";
import type { NativeAccess } from "./contract.ts";
import { observeNative } from "./observe.ts";
import { knownPeers } from "./plan-state.ts";

/**
 * The parts of the plan that undoes another, from where the cluster is now; the caller gives it an id and `reverses`.
 * @throws RagctlError exit 7 where somebody else has moved its shards since, exit 3 where no node answers
 */
export async function reverseNative(plan: Plan, access: NativeAccess, signal?: AbortSignal): Promise<NativePlan> {
  return reversedNative(plan, await observeNative(access, { known: knownPeers(plan), ...(signal && { signal }) }));
}
