import { isAlive, type ProcessIdentity } from "../process-identity.ts";
import { signalProcess } from "../process-signal.ts";
import type { Clock } from "../runtime.ts";

const graceMs = 5_000;
const killMs = 3_000;
const lookEveryMs = 20;

/**
 * SIGTERM, and SIGKILL for one that has not gone after five seconds. Only that very process is touched.
 * @returns false where it is there even after SIGKILL (stuck in the kernel)
 */
export async function stopProcess(process: ProcessIdentity, clock: Clock): Promise<boolean> {
  for (const [signal, waitMs] of [
    ["SIGTERM", graceMs],
    ["SIGKILL", killMs],
  ] as const) {
    if (!signalProcess(process, signal)) return true;
    if (await goneWithin(process, waitMs, clock)) return true;
  }
  return false;
}

async function goneWithin(process: ProcessIdentity, waitMs: number, clock: Clock): Promise<boolean> {
  for (let waitedMs = 0; waitedMs < waitMs; waitedMs += lookEveryMs) {
    if (!isAlive(process)) return true;
    await clock.sleep(lookEveryMs);
  }
  return !isAlive(process);
}
