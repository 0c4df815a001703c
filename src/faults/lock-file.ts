import { randomBytes } from "node:crypto";
import { closeSync, linkSync, mkdirSync, openSync, readFileSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";
import { identify, isAlive, type ProcessIdentity } from "../process-identity.ts";

/** Who holds a lock file, by identity: a dead holder's lock is anybody's. */
export interface LockHolder {
  owner: ProcessIdentity;
  /** What it does, as messages say it. */
  command: string;
  sinceMs: number;
}

export type LockFileAttempt = { held: true; release: () => void } | { held: false; holder: LockHolder };

/**
 * Takes the lock file, from a dead holder too; never waits.
 * @param pid of this process
 */
export function takeLockFile(
  path: string,
  { pid, command, nowMs }: { pid: number; command: string; nowMs: number },
): LockFileAttempt {
  const owner = identify(pid);
  if (!owner) throw new Error(`cannot tell when process ${pid} started`);
  const mine = JSON.stringify({ owner, command, sinceMs: nowMs } satisfies LockHolder);
  mkdirSync(dirname(path), { recursive: true });
  while (!tryTake(path, mine)) {
    const holder = readHolder(path);
    if (holder && isAlive(holder.owner)) return { held: false, holder };
    clearStale(path, holder);
  }
  return {
    held: true,
    release() {
      if (read(path) === mine) rmSync(path, { force: true });
    },
  };
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
