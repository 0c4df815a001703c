import { spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { entryPath } from "../entry.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import { identify, isAlive } from "../process-identity.ts";
import type { Runtime } from "../runtime.ts";

/** One that has acknowledged its records. */
export interface Watchdog {
  isAlive(): boolean;
}

const acknowledgeMs = 15_000;

/**
 * Starts a detached watchdog over these records and returns once it has acknowledged every one.
 * @throws RagctlError exit 3 where it does not
 */
export async function startWatchdog(dir: string, ids: readonly string[], runtime: Runtime): Promise<Watchdog> {
  const log = openSync(join(dir, "watchdog.log"), "a");
  const child = spawn(runtime.execPath, [entryPath(import.meta.url, "./watchdog.main"), dir, ...ids], {
    detached: true,
    cwd: "/",
    env: runtime.env,
    stdio: ["ignore", "pipe", log],
  });
  closeSync(log);
  try {
    const line = await firstLine(child, runtime.hardSignal);
    const { acknowledged } = JSON.parse(line) as { acknowledged: string[] };
    const missing = ids.filter((id) => !acknowledged.includes(id));
    if (missing.length > 0) throw new Error(`it did not take ${missing.join(", ")}`);
    const identity = identify(child.pid!);
    return { isAlive: () => identity !== undefined && isAlive(identity) };
  } catch (error) {
    child.kill("SIGKILL");
    throw new RagctlError(`the watchdog did not acknowledge the heal record: ${(error as Error).message}`, {
      code: "watchdog-silent",
      exitCode: ExitCode.unreachable,
      hint: `its log: ${join(dir, "watchdog.log")}`,
      cause: error,
    });
  } finally {
    child.stdout?.destroy();
    child.unref();
  }
}

async function firstLine(child: ReturnType<typeof spawn>, hardSignal: AbortSignal): Promise<string> {
  const signal = AbortSignal.any([AbortSignal.timeout(acknowledgeMs), hardSignal]);
  const lines = createInterface({ input: child.stdout! });
  try {
    return await new Promise<string>((resolve, reject) => {
      lines.once("line", resolve);
      child.once("error", reject);
      child.once("exit", (code, name) => reject(new Error(`it ended with ${name ?? `exit code ${code}`}`)));
      signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
    });
  } finally {
    lines.close();
  }
}
