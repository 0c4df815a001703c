import { randomBytes } from "node:crypto";
import { closeSync, linkSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { ExitCode, RagctlError } from "../errors.ts";
import { identify, isAlive, type ProcessIdentity } from "../process-identity.ts";
import type { Runtime } from "../runtime.ts";

interface LockHolder {
  owner: ProcessIdentity;
  command: string;
  sinceMs: number;
}

const waitMs = 60_000;
const lookEveryMs = 100;

/**
 * Holds `path` while `work` runs: one `up` or `down` at a time. The lock of a dead process is taken over; for a living one
 * this waits, says so, and after a minute says who holds it since when (exit 7).
 */
export async function withLock<T>(
  path: string,
  command: string,
  deps: { runtime: Runtime; note: (text: string) => void },
  work: () => Promise<T>,
): Promise<T> {
  const { runtime } = deps;
  const owner = identify(runtime.pid);
  if (!owner) throw new Error(`cannot tell when process ${runtime.pid} started`);
  const mine = JSON.stringify({ owner, command, sinceMs: runtime.clock.nowMs() } satisfies LockHolder);
  const endMs = runtime.clock.nowMs() + waitMs;
  for (let told = false; !tryTake(path, mine);) {
    const holder = readHolder(path);
    if (holder && isAlive(holder.owner)) {
      if (runtime.clock.nowMs() >= endMs) throw lockHeld(path, holder);
      if (!told) deps.note(`waiting for another ragctl ${holder.command} here (pid ${holder.owner.pid})`);
      told = true;
      await runtime.clock.sleep(lookEveryMs, runtime.signal);
    } else clearStale(path, holder);
  }
  try {
    return await work();
  } finally {
    if (read(path) === mine) rmSync(path, { force: true });
  }
}

function tryTake(path: string, text: string): boolean {
  // Written first and then linked to its name: nobody can see a lock that does not say whose it is.
  const draft = `${path}.${randomBytes(4).toString("hex")}`;
  const file = openSync(draft, "w", 0o600);
  writeSync(file, text);
  closeSync(file);
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/** Two may find the same stale lock: what was moved away is put back if it is not the one that was judged. */
function clearStale(path: string, judged: LockHolder | undefined): void {
  const aside = `${path}.stale`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw error;
  }
  const moved = readHolder(aside);
  if (moved && isAlive(moved.owner) && moved.owner.pid !== judged?.owner.pid)
    try {
      linkSync(aside, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
  rmSync(aside, { force: true });
}

function readHolder(path: string): LockHolder | undefined {
  try {
    const value = JSON.parse(readFileSync(path, "utf8")) as Partial<LockHolder>;
    return value.owner?.pid ? (value as LockHolder) : undefined;
  } catch {
    return undefined;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}

function lockHeld(path: string, { owner, command, sinceMs }: LockHolder): RagctlError {
  return new RagctlError(`ragctl ${command} (pid ${owner.pid}) has been at work here since ${new Date(sinceMs).toISOString()}`, {
    code: "lock-held",
    exitCode: ExitCode.refused,
    hint: `let it end, or end it; its lock is ${path}`,
    details: { owner, command, sinceMs },
  });
}
