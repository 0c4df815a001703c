import { formatDurationMs } from "../units.ts";
import type { Lease } from "../state/contract.ts";
import type { MoverDeps } from "./contract.ts";
import { halfDone } from "./trouble.ts";

/** How often leases are looked at. */
const lookEveryMs = 25;

/**
 * Clients that must still be waited for: those of the collection that have not confirmed the epoch, but for the dead, whose lease has
 * ended and one request timeout more has passed (ROUTING.md, "Leases"). Pure.
 */
export function unconfirmed(leases: readonly Lease[], collection: string, epoch: number, requestTimeoutMs: number): Lease[] {
  return leases.filter(({ remainingMs, confirmed }) => {
    const mine = confirmed[collection];
    return mine !== undefined && mine < epoch && remainingMs > -requestTimeoutMs;
  });
}

/** Clients whose lease has ended and that may still have a request on the way: no pause could be confirmed while there are any. */
export function undecided(leases: readonly Lease[], collection: string, requestTimeoutMs: number): Lease[] {
  return leases.filter(
    ({ remainingMs, confirmed }) => confirmed[collection] !== undefined && remainingMs <= 0 && remainingMs > -requestTimeoutMs,
  );
}

type Deps = Pick<MoverDeps, "state" | "collection" | "clock" | "requestTimeoutMs" | "signal">;

/** Waits until every client has confirmed the epoch. @returns false where that took longer */
export async function confirmedWithin(deps: Deps, epoch: number, withinMs: number): Promise<boolean> {
  const { state, collection, clock, requestTimeoutMs, signal } = deps;
  const untilMs = clock.nowMs() + withinMs;
  while (unconfirmed(await state.leases(), collection, epoch, requestTimeoutMs).length > 0) {
    signal.throwIfAborted();
    if (clock.nowMs() >= untilMs) return false;
    await clock.sleep(lookEveryMs, signal);
  }
  return true;
}

/** The same, for as long as the mover has patience. @throws RagctlError exit 5 naming the client */
export async function allConfirmed(deps: Deps & Pick<MoverDeps, "patienceMs">, epoch: number): Promise<void> {
  if (await confirmedWithin(deps, epoch, deps.patienceMs)) return;
  const [first] = unconfirmed(await deps.state.leases(), deps.collection, epoch, deps.requestTimeoutMs);
  if (!first) return;
  throw halfDone(
    `A client (${first.purpose} on ${first.host}) has not taken in a change of the routing table for ${formatDurationMs(deps.patienceMs)}.`,
    "client-lags",
  );
}

/** Waits until no client is between dead and alive. @throws RagctlError exit 5 */
export async function noneUndecided(deps: Deps & Pick<MoverDeps, "patienceMs">): Promise<void> {
  const { state, collection, clock, requestTimeoutMs, signal, patienceMs } = deps;
  const untilMs = clock.nowMs() + patienceMs;
  for (;;) {
    const [first] = undecided(await state.leases(), collection, requestTimeoutMs);
    if (!first) return;
    if (clock.nowMs() > untilMs)
      throw halfDone(`A client (${first.purpose} on ${first.host}) keeps losing its lease.`, "client-lags");
    await clock.sleep(100, signal);
  }
}
