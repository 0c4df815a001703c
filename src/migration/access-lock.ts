import type { MigrationAccess } from "./access.ts";
import { clusterLock, deadHere, holdLock, type HeldLock } from "./lock.ts";

/**
 * A lock in the name of this process.
 * @param purpose what others are told that it is held for
 * @param name the whole cluster's unless given
 * @throws RagctlError exit 7 where somebody else holds it
 */
export function holdFor(
  {
    state,
    owner,
    requestTimeoutMs,
    runtime: { clock },
  }: Pick<MigrationAccess, "state" | "owner" | "requestTimeoutMs" | "runtime">,
  purpose: string,
  name = clusterLock,
): Promise<HeldLock> {
  const me = owner(purpose);
  return holdLock(state, { name, owner: me, clock, requestTimeoutMs, isDead: deadHere(me.host) });
}
