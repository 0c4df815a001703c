import { spawn } from "node:child_process";
import { existsSync, mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { entryPath } from "../../entry.ts";
import { ExitCode, RagctlError } from "../../errors.ts";
import { isAlive } from "../../process-identity.ts";
import { signalProcess } from "../../process-signal.ts";
import type { Burner, BurnSpec, FaultDeps } from "../contract.ts";
import { burnerFiles, diskFile, readBurner } from "./layout.ts";

const startMs = 15_000;
const endingMs = 2_000;

/** Burns on this machine: one process, named by its record, with a lease of its own. */
export const localBurner: Burner = {
  async start(spec, deps) {
    const files = burnerFiles(spec.id);
    mkdirSync(files.dir, { mode: 0o700 });
    writeFileSync(files.spec, JSON.stringify(spec), { mode: 0o600 });
    writeFileSync(files.lease, "");
    await begun(spec, deps);
    const process = readBurner(spec.id)?.process;
    if (!process) throw failed(spec, "it ended at once");
    return process;
  },

  async renew(id, { clock }) {
    const found = readBurner(id);
    if (!found?.process || !isAlive(found.process)) return false;
    const nowSec = clock.nowMs() / 1000;
    try {
      utimesSync(burnerFiles(id).lease, nowSec, nowSec);
      return true;
    } catch {
      return false;
    }
  },

  async stop(id, { clock }) {
    const found = readBurner(id);
    const process = found?.process;
    if (process) {
      signalProcess(process, "SIGKILL");
      for (let waitedMs = 0; isAlive(process) && waitedMs < endingMs; waitedMs += 10) await clock.sleep(10);
    }
    const disk = found?.spec?.burn.disk;
    if (disk) rmSync(diskFile(disk.dir, id), { force: true });
    // Without it, one that is only just starting finds nothing to do.
    if (found) rmSync(burnerFiles(id).dir, { recursive: true, force: true });
  },

  async runs(id) {
    const found = readBurner(id);
    const disk = found?.spec?.burn.disk;
    return (found?.process !== undefined && isAlive(found.process)) || (disk !== undefined && existsSync(diskFile(disk.dir, id)));
  },
};

/** Starts the process, and waits until it has said who it is: it can be ended from then on. */
async function begun(spec: BurnSpec, { execPath }: FaultDeps): Promise<void> {
  if (execPath === undefined) throw new Error("nobody said which Node to run");
  const child = spawn(execPath, [entryPath(import.meta.url, "./burner.main"), spec.id], {
    detached: true,
    cwd: "/",
    stdio: ["ignore", "pipe", "ignore"],
  });
  const lines = createInterface({ input: child.stdout });
  const late = AbortSignal.timeout(startMs);
  try {
    await new Promise<void>((resolve, reject) => {
      lines.once("line", () => resolve());
      child.once("error", reject);
      child.once("exit", (code, signal) =>
        reject(failed(spec, readBurner(spec.id)?.problem ?? `it ended with ${signal ?? code}`)),
      );
      late.addEventListener("abort", () => reject(failed(spec, `it did not begin within ${startMs / 1000} s`)), { once: true });
    });
  } finally {
    lines.close();
    child.stdout.destroy();
    child.unref();
  }
}

/** Why a burner that is gone has ended by itself. */
export function burnerProblem(id: string): string | undefined {
  return readBurner(id)?.problem;
}

function failed({ id }: BurnSpec, why: string): RagctlError {
  return new RagctlError(`the burner of ${id} did not start: ${why}`, {
    code: "burner-failed",
    exitCode: ExitCode.unreachable,
    hint: "less of it may fit: --memory, --disk",
  });
}
