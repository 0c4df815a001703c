import { isAlive } from "../process-identity.ts";
import type { Clock } from "../runtime.ts";
import { healUntilGone } from "./heal.ts";
import { faultNamed, type FaultRegistry } from "./index.ts";
import { readRecord, removeRecord } from "./journal.ts";
import { leaseState } from "./lease.ts";

export interface WatchDeps {
  dir: string;
  clock: Clock;
  /** Aborts: heal now, whatever the lease says. */
  now: AbortSignal;
  log: (text: string) => void;
  registry?: FaultRegistry;
}

const lookEveryMs = 200;
const retryMs = 2_000;
/** Longer than any machine takes to come back to its senses; then the record waits for the next start of ragctl. */
const giveUpAfterMs = 600_000;

/** Watches records until each is gone: healed by its owner, or by this watchdog once nobody answers for it. */
export async function watch(ids: readonly string[], deps: WatchDeps): Promise<void> {
  await Promise.all(ids.map((id) => watchOne(id, deps)));
}

async function watchOne(id: string, deps: WatchDeps): Promise<void> {
  const { dir, clock, now, log } = deps;
  let lastRenewedAtMs = Number.NaN;
  let changedAtMs = 0;
  for (;;) {
    const entry = readRecord(dir, id);
    if (!entry) return;
    const { record, renewedAtMs } = entry;
    const monotonicMs = clock.monotonicUs() / 1000;
    if (renewedAtMs !== lastRenewedAtMs) [lastRenewedAtMs, changedAtMs] = [renewedAtMs, monotonicMs];
    const state = leaseState({
      hold: record.lease.hold,
      ttlMs: record.lease.ttlMs,
      ownerAlive: isAlive(record.lease.owner),
      nowMs: clock.nowMs(),
      renewedAtMs,
      unchangedForMs: monotonicMs - changedAtMs,
    });
    if (now.aborted || state === "owner-dead" || state === "lapsed") {
      log(`${id}: healing (${now.aborted ? "asked to" : state})`);
      return healStubbornly(id, deps);
    }
    await clock.sleep(lookEveryMs, now).catch(() => undefined);
  }
}

async function healStubbornly(id: string, { dir, clock, log, registry }: WatchDeps): Promise<void> {
  const endMs = clock.monotonicUs() / 1000 + giveUpAfterMs;
  while (clock.monotonicUs() / 1000 < endMs) {
    const entry = readRecord(dir, id);
    if (!entry) return;
    const fault = faultNamed(entry.record.fault, registry);
    if (!fault) return log(`${id}: this version of ragctl knows no fault "${entry.record.fault}"`);
    const { probe, problem } = await healUntilGone(fault, entry.record, { clock });
    if (probe === "gone") {
      removeRecord(dir, id);
      return log(`${id}: healed`);
    }
    log(`${id}: ${probe}: ${problem?.message ?? "the probe does not say gone yet"}`);
    await clock.sleep(retryMs);
  }
  log(`${id}: gave up; ragctl chaos heal ${id}`);
}
