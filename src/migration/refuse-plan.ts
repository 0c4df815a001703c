import { ExitCode, RagctlError } from "../errors.ts";
import type { Plan } from "../sharding/plan/contract.ts";

/** Exit 7 for a plan that must not run, on whatever topology. */
export function planRefused(plan: Pick<Plan, "planId">, message: string, code: string, hint: string): RagctlError {
  return new RagctlError(message, { code, exitCode: ExitCode.refused, hint, details: { planId: plan.planId } });
}

/** @throws RagctlError exit 7 for a plan that no cluster was looked at for */
export function refuseOffline(plan: Pick<Plan, "planId" | "offline">): void {
  if (plan.offline)
    throw planRefused(
      plan,
      `Plan ${plan.planId} was made from flags alone.`,
      "plan-offline",
      "ragctl shard plan without --nodes makes one for the live cluster.",
    );
}
