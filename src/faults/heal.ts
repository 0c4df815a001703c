import type { Fault, FaultDeps, HealRecord, Probe } from "./contract.ts";

export interface HealOutcome {
  probe: Probe;
  /** The last thing that went wrong, where the probe does not say "gone". */
  problem?: { message: string; hint?: string };
}

const probeEveryMs = 50;
const healAgainMs = 2_000;

/**
 * Heals until a probe proves it, for at most the fault's own bound: `heal` again every two seconds (it is idempotent), a
 * probe every 50 ms. Never throws but for `deps.signal`.
 * @param tick called between probes: the owner renews its lease there
 */
export async function healUntilGone(
  fault: Fault,
  record: HealRecord,
  deps: FaultDeps,
  options: { timeoutMs?: number; tick?: () => void } = {},
): Promise<HealOutcome> {
  const endMs = deps.clock.monotonicUs() / 1000 + (options.timeoutMs ?? fault.healTimeoutMs);
  const outcome: HealOutcome = { probe: "unknown" };
  let nextHealMs = Number.NEGATIVE_INFINITY;
  for (;;) {
    const nowMs = deps.clock.monotonicUs() / 1000;
    if (nowMs >= nextHealMs) {
      Object.assign(outcome, await attempt(() => fault.heal(record, deps)));
      nextHealMs = nowMs + healAgainMs;
    }
    deps.signal?.throwIfAborted();
    const problem = await attempt(async () => {
      outcome.probe = await fault.probe(record, deps);
    });
    if (outcome.probe === "gone") return { probe: "gone" };
    if (problem) Object.assign(outcome, { probe: "unknown", ...problem });
    if (deps.clock.monotonicUs() / 1000 >= endMs) return outcome;
    options.tick?.();
    await deps.clock.sleep(probeEveryMs, deps.signal);
  }
}

async function attempt(work: () => Promise<void>): Promise<Pick<HealOutcome, "problem"> | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    const { message, hint } = error as Error & { hint?: string };
    return { problem: { message, ...(hint ? { hint } : {}) } };
  }
}
