import { leaseRenewMs, type Fault, type HealRecord } from "./contract.ts";
import { renewLease } from "./journal.ts";
import type { Runtime } from "../runtime.ts";
import type { Watchdog } from "./watchdog-spawn.ts";

/** How long a renewal that is on its way may hold up the heal; shorter than the lease. */
const renewalMs = 3_000;

/** What was injected, and who looks after it. */
interface Injected {
  fault: Pick<Fault, "name" | "renew">;
  records: readonly HealRecord[];
  /** Of the journal. */
  dir: string;
  watchdog: Watchdog;
  /** Starts another one. */
  guard: () => Promise<Watchdog>;
}

interface LastingDeps {
  runtime: Pick<Runtime, "clock">;
  note: (text: string) => void;
  /** About once a second. */
  onTick?: (leftMs: number) => void;
  /** Aborts: heal now. */
  stop: AbortSignal;
}

/**
 * Waits so long while the fault lasts, renewing its lease, and the targets' own, every second. Shorter where it is stopped, where somebody else has healed it
 * all, or where its watchdog has died and no other one can be had: nothing stays broken that ragctl alone answers for.
 */
export async function lastFor(
  forMs: number,
  { fault, records, dir, watchdog, guard }: Injected,
  { runtime: { clock }, note, onTick, stop }: LastingDeps,
): Promise<void> {
  const ids = records.map(({ id }) => id);
  const endUs = clock.monotonicUs() + forMs * 1000;
  // A target's own lease is renewed beside ours: a far host that answers slowly must not cost us the near one.
  const giveUp = new AbortController();
  const unguarded = new AbortController();
  const ended = AbortSignal.any([stop, unguarded.signal]);
  let renewal: Promise<void> | undefined;
  let starting: Promise<void> | undefined;
  let warned = false;
  const renewTargets = async () => {
    try {
      await allDone(records.map((record) => fault.renew!(record, { clock, signal: giveUp.signal })));
    } catch (error) {
      if (!warned) note(`${fault.name}: a target's own lease was not renewed: ${(error as Error).message}`);
      warned = true;
    } finally {
      renewal = undefined;
    }
  };
  const startAnother = async () => {
    note(`${fault.name}: its watchdog has died; starting another one`);
    try {
      watchdog = await guard();
    } catch (error) {
      note(`${fault.name}: ${(error as Error).message}; without one it ends now`);
      unguarded.abort(error);
    } finally {
      starting = undefined;
    }
  };
  try {
    for (;;) {
      if (!renewAll(dir, ids, clock.nowMs())) return;
      if (fault.renew) renewal ??= renewTargets();
      const leftMs = (endUs - clock.monotonicUs()) / 1000;
      if (leftMs <= 0) return;
      if (!watchdog.isAlive()) starting ??= startAnother();
      onTick?.(leftMs);
      await clock.sleep(Math.min(leaseRenewMs, leftMs), ended);
    }
  } catch (error) {
    if (!ended.aborted) throw error;
  } finally {
    // One that is on its way must not land after the heal, and break again what nobody would then answer for.
    if (renewal) {
      await Promise.race([renewal, clock.sleep(renewalMs)]);
      giveUp.abort();
    }
  }
}

/** @returns false where none of them is left */
export function renewAll(dir: string, ids: readonly string[], nowMs: number): boolean {
  return ids.map((id) => renewLease(dir, id, nowMs)).some(Boolean);
}

/** Waits for all, so that nothing is still being broken while the rest is healed; then throws the first failure. */
export async function allDone(work: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(work)).find((each) => each.status === "rejected");
  if (failed) throw failed.reason;
}
