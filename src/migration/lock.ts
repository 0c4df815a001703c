import { ExitCode, RagctlError } from "../errors.ts";
import { isAlive } from "../process-identity.ts";
import type { Clock } from "../runtime.ts";
import type { Lock, LockOwner, StateStore } from "../state/contract.ts";
import { formatDurationMs } from "../units.ts";
import type { Fence } from "./contract.ts";
import { halfDone } from "./trouble.ts";

/** Whoever changes where the points of a cluster are holds it; repairs hold their node's instead. */
export const clusterLock = "cluster";
export const nodeLock = (node: string): string => `node:${node}`;

const renewEveryMs = 1_000;

export interface LockOptions {
  name: string;
  owner: LockOwner;
  clock: Clock;
  requestTimeoutMs: number;
  /** Whether that owner is known to be dead: a process of this machine that is gone. */
  isDead?: (owner: LockOwner) => boolean;
}

export interface HeldLock {
  fence: Fence;
  /** Its holder before never gave it back: requests of that one may still be on their way. */
  unclean: boolean;
  token: number;
  /** Gives it back, unless requests of ours may still land. */
  release(): Promise<void>;
}

/** A dead owner on this very machine; of others only the lease tells. */
export function deadHere(host: string): (owner: LockOwner) => boolean {
  return (owner) => owner.host === host && !isAlive(owner);
}

/**
 * Takes a lock and keeps it, with a lease that is renewed every second; takes it over from an owner that is dead.
 * @throws RagctlError exit 7 saying who holds it
 */
export async function holdLock(state: StateStore, options: LockOptions): Promise<HeldLock> {
  const { name, owner, clock, requestTimeoutMs, isDead = () => false } = options;
  const ttlMs = 10_000 + 2 * requestTimeoutMs;
  const before = (await state.locks()).find((lock) => lock.name === name);
  let beganUs = clock.monotonicUs();
  let attempt = await state.acquireLock(name, owner, ttlMs);
  if (!attempt.acquired && isDead(attempt.holder.owner)) {
    beganUs = clock.monotonicUs();
    attempt = await state.acquireLock(name, owner, ttlMs, attempt.holder.token);
  }
  if (!attempt.acquired) throw lockHeld(attempt.holder);
  const { token } = attempt;
  let validUntilUs = beganUs + ttlMs * 1_000;
  let lost = false;
  let keep = false;
  const closing = new AbortController();
  const renewing = (async () => {
    while (!closing.signal.aborted) {
      await clock.sleep(renewEveryMs, closing.signal, { ref: false }).catch(() => undefined);
      if (closing.signal.aborted) return;
      const sentUs = clock.monotonicUs();
      try {
        if (await state.renewLock(name, token, ttlMs)) validUntilUs = sentUs + ttlMs * 1_000;
        else lost = true;
      } catch {
        // The state store is away: the lease runs on, and out.
      }
    }
  })();
  return {
    token,
    unclean: before !== undefined,
    fence: {
      ensure() {
        if (!lost && clock.monotonicUs() + requestTimeoutMs * 1_000 < validUntilUs) return;
        throw halfDone(
          `The lock "${name}" ${lost ? "was taken over by another process" : "could not be kept: the state store does not answer"}.`,
          "lock-lost",
        );
      },
      leaveUnclean: () => (keep = true),
    },
    async release() {
      closing.abort(new Error("the lock is given back"));
      await renewing;
      if (!keep && !lost) await state.releaseLock(name, token).catch(() => undefined);
    },
  };
}

function lockHeld({ name, owner, acquiredAtMs, remainingMs }: Lock): RagctlError {
  const since = new Date(acquiredAtMs).toISOString().slice(0, 19).replace("T", " ");
  return new RagctlError(
    `The lock "${name}" is held by ${owner.purpose} (pid ${owner.pid} on ${owner.host}) since ${since} UTC.`,
    {
      code: "lock-held",
      exitCode: ExitCode.refused,
      hint: `Wait for it to end; if it is dead, its lease ends in ${formatDurationMs(Math.max(0, remainingMs))}. ragctl lock show says more.`,
      details: { name, owner, acquiredAtMs },
    },
  );
}
