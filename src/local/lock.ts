import { ExitCode, RagctlError } from "../errors.ts";
import { takeLockFile, type LockHolder } from "../faults/lock-file.ts";
import type { Runtime } from "../runtime.ts";

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
  const endMs = runtime.clock.nowMs() + waitMs;
  for (let told = false; ; told = true) {
    const attempt = takeLockFile(path, { pid: runtime.pid, command, nowMs: runtime.clock.nowMs() });
    if (attempt.held)
      try {
        return await work();
      } finally {
        attempt.release();
      }
    const { holder } = attempt;
    if (runtime.clock.nowMs() >= endMs) throw lockHeld(path, holder);
    if (!told) deps.note(`waiting for another ragctl ${holder.command} here (pid ${holder.owner.pid})`);
    await runtime.clock.sleep(lookEveryMs, runtime.signal);
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
