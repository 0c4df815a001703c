import { existsSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isAlive } from "../../process-identity.ts";
import type { FaultDeps, HealRecord, Probe } from "../contract.ts";
import { askReady } from "../ready.ts";
import { openServers, type CacheServers } from "./servers.ts";

/** A pause must end before the next one begins, however late that comes: renewals are a second apart. */
export const longestPauseMs = 900;
/** Shorter ones could not be told from a machine that is busy. */
export const shortestPauseMs = 50;
const renewMs = 1_000;
const answerMs = 2_000;

/** Connections of this process, by the record they are for: renewing knows the record alone, and passwords are in none. */
const open = new Map<string, CacheServers>();

/**
 * Makes every server hold back all commands for so long, once (`CLIENT PAUSE`). The pause ends by itself: it needs no healing, and cannot
 * outlive who asked for it by more than its own length.
 */
export async function pauseOnce({ id }: Pick<HealRecord, "id">, ms: number, deps: FaultDeps): Promise<void> {
  if (existsSync(stopFile(id))) return;
  let servers = open.get(id);
  if (!servers) {
    // Whoever has not begun it has no credentials to go on.
    if (!deps.cluster) return;
    servers = await openServers(deps);
    open.set(id, servers);
  }
  await Promise.all(servers.masters().map((master) => master.call("CLIENT", "PAUSE", String(Math.ceil(ms)), "ALL")));
}

/** No further pauses: of our own process at once; another one that lives is told by a file, which it clears away itself. */
export function endPauses({ id, lease }: Pick<HealRecord, "id" | "lease">): void {
  const own = open.get(id);
  own?.close();
  open.delete(id);
  if (own) rmSync(stopFile(id), { force: true });
  else if (isAlive(lease.owner)) writeFileSync(stopFile(id), "", { mode: 0o600 });
}

/**
 * Asks again and again for longer than a second, so that one question is on its way when a pause begins: it waits it out.
 * @param url of the server, without credentials
 */
export async function probePauses(url: string, pauseMs: number, { clock, signal }: FaultDeps): Promise<Probe> {
  const endUs = clock.monotonicUs() + (renewMs + pauseMs) * 1000;
  while (clock.monotonicUs() < endUs) {
    const sentUs = clock.monotonicUs();
    const answer = await askReady(url, { timeoutMs: answerMs, ...(signal ? { signal } : {}) });
    if (answer === "silent") return "active";
    if ((clock.monotonicUs() - sentUs) / 1000 >= 0.8 * pauseMs) return "active";
    await clock.sleep(5, signal);
  }
  // Where nobody listens, whatever is wrong is no pause.
  return "gone";
}

function stopFile(id: string): string {
  return join(tmpdir(), `ragctl-stop-${id}`);
}
