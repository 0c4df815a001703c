import type { Fault, FaultDeps, HealRecord, Probe } from "./contract.ts";

export interface HealOutcome {
  probe: Probe;
  /** The last thing that went wrong, where the probe does not say "gone". */
  problem?: { message: string; hint?: string };
}

const probeEveryMs = 50;
const healAgainMs = 2_000;
/** A heal that throws so often in a row will not work now: whoever can wait tries again later. */
const failuresMax = 2;

/**
 * Heals until a probe proves it, for at most the fault's own bound: `heal` again every two seconds (it is idempotent), a
 * probe every 50 ms. Gives up early where `heal` itself fails twice. Never throws but for `deps.signal`.
 * @param tick called between probes: the owner renews its lease there
 */
export async function healUntilGone(
  fault: Pick<Fault, "heal" | "probe" | "healTimeoutMs">,
  record: HealRecord,
  deps: FaultDeps,
  options: { timeoutMs?: number; tick?: () => void } = {},
): Promise<HealOutcome> {
  const endMs = deps.clock.monotonicUs() / 1000 + (options.timeoutMs ?? fault.healTimeoutMs);
  const outcome: HealOutcome = { probe: "unknown" };
  let nextHealMs = Number.NEGATIVE_INFINITY;
  let failures = 0;
  for (;;) {
    const nowMs = deps.clock.monotonicUs() / 1000;
    if (nowMs >= nextHealMs) {
      const failed = await attempt(() => fault.heal(record, deps));
      failures = failed ? failures + 1 : 0;
      Object.assign(outcome, failed);
      nextHealMs = nowMs + healAgainMs;
    }
    deps.signal?.throwIfAborted();
    const problem = await attempt(async () => {
      outcome.probe = await fault.probe(record, deps);
    });
    if (outcome.probe === "gone") return { probe: "gone" };
    if (problem) Object.assign(outcome, { probe: "unknown", ...problem });
    if (failures >= failuresMax || deps.clock.monotonicUs() / 1000 >= endMs) return outcome;
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
