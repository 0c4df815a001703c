import { execFile } from "node:child_process";
import type { Runtime } from "../../runtime.ts";

const commandMs = 10_000;

/**
 * Runs it once through the shell, in the user's directory. One that does not end in ten seconds is ended, and has failed: a verdict that
 * cannot be had is none to go on by.
 * @returns why to stop; undefined where it succeeded, or `signal` ended it
 */
export function askCommand(
  command: string,
  cluster: string,
  { env, cwd }: Pick<Runtime, "env" | "cwd">,
  signal: AbortSignal,
): Promise<string | undefined> {
  return new Promise((resolve) => {
    const options = { cwd, env: { ...env, RAGCTL_CLUSTER: cluster }, timeout: commandMs, killSignal: "SIGKILL", signal } as const;
    execFile("/bin/sh", ["-c", command], options, (error, stdout, stderr) => {
      if (!error || signal.aborted) return resolve(undefined);
      const said = (stderr.trim() || stdout.trim()).split("\n").at(-1) ?? "";
      const how = error.killed
        ? `did not end within ${commandMs / 1000} s`
        : `ended with ${error.signal ?? `exit code ${error.code}`}`;
      resolve(`\`${command}\` ${how}${said ? `: ${said}` : ""}`);
    });
  });
}
