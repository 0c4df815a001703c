import type { FaultDeps } from "../contract.ts";
import { openServers, type CacheServers } from "./servers.ts";

/** A pause must end before the next one begins, however late that comes: renewals are a second apart. */
export const longestPauseMs = 900;

/** Connections of this process, by the record they are for: renewing knows the record alone, and passwords are in none. */
const open = new Map<string, CacheServers>();

/**
 * Makes every server hold back all commands for so long, once (`CLIENT PAUSE`). The pause ends by itself: it needs no healing, and cannot
 * outlive who asked for it by more than its own length.
 */
export async function pauseOnce(id: string, ms: number, deps: FaultDeps): Promise<void> {
  let servers = open.get(id);
  if (!servers) {
    // Whoever has not begun it has no credentials to go on.
    if (!deps.cluster) return;
    servers = await openServers(deps);
    open.set(id, servers);
  }
  await Promise.all(servers.masters().map((master) => master.call("CLIENT", "PAUSE", String(Math.ceil(ms)), "ALL")));
}

export function forgetPauses(id: string): void {
  open.get(id)?.close();
  open.delete(id);
}
