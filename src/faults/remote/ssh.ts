import { spawn, type ChildProcess } from "node:child_process";
import { ExitCode, RagctlError } from "../../errors.ts";
import { runAfter } from "../../runtime.ts";
import type { FaultDeps, SshTarget } from "../contract.ts";

/** A login on a busy host over a slow line takes seconds; beyond this, nobody is there. */
const connectTimeoutS = 10;
const scriptTimeoutMs = 30_000;
const keptErrorChars = 2_000;

export type SshAddress = Pick<SshTarget, "node" | "host" | "port" | "user" | "identityFile" | "options" | "sudo">;

/**
 * The arguments of `ssh` for `sh -s` on that host. No password is ever asked for, a connection of its own is made, and an unknown
 * host key is refused unless the target's own options say otherwise (of an option given twice, ssh takes the first).
 */
export function sshArguments(target: SshAddress): string[] {
  const { host, port, user, identityFile, options = [], sudo } = target;
  const settings = [
    "BatchMode=yes",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    "ClearAllForwardings=yes",
    ...options,
    ...(identityFile === undefined ? [] : [`IdentityFile=${identityFile}`, "IdentitiesOnly=yes"]),
    "StrictHostKeyChecking=yes",
    `ConnectTimeout=${connectTimeoutS}`,
    "ServerAliveInterval=2",
    "ServerAliveCountMax=4",
    "ControlMaster=no",
    "ControlPath=none",
    "LogLevel=ERROR",
  ];
  return [
    "-T",
    ...settings.flatMap((setting) => ["-o", setting]),
    ...(port === undefined ? [] : ["-p", String(port)]),
    ...(user === undefined ? [] : ["-l", user]),
    "--",
    host,
    // The whole of what the login shell sees, whichever it is; scripts come on standard input.
    sudo ? "exec sudo -n sh -s" : "exec sh -s",
  ];
}

export function spawnSsh(target: SshAddress): ChildProcess {
  return spawn("ssh", sshArguments(target), { stdio: ["pipe", "pipe", "pipe"] });
}

/**
 * Runs a script of `library` there, over a connection of its own, to its last line.
 * @returns the words of each line that it said, without the last (`done`)
 * @throws RagctlError exit 3: `ssh-failed` where the host could not be reached or the script did not end, `remote-refused` where it said why not
 */
export async function runRemote(target: SshAddress, script: string, { clock, signal }: FaultDeps): Promise<string[][]> {
  signal?.throwIfAborted();
  const child = spawnSsh(target);
  let stdout = "";
  let stderr = "";
  let late = false;
  child.stdout!.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-keptErrorChars)));
  const kill = () => child.kill("SIGKILL");
  const cancel = runAfter(clock, scriptTimeoutMs, () => {
    late = true;
    kill();
  });
  signal?.addEventListener("abort", kill, { once: true });
  try {
    await new Promise<void>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", () => resolve());
      child.stdin!.on("error", () => undefined);
      child.stdin!.end(script);
    });
  } catch (error) {
    throw unreachable(
      target,
      (error as NodeJS.ErrnoException).code === "ENOENT" ? "there is no `ssh` on this machine" : String(error),
    );
  } finally {
    cancel();
    signal?.removeEventListener("abort", kill);
  }
  signal?.throwIfAborted();
  const said = spoken(stdout);
  const failed = said.find(([first]) => first === "fail");
  if (failed) throw refused(target, failed.slice(1).join(" "));
  if (said.at(-1)?.[0] !== "done")
    throw unreachable(target, late ? `it did not answer within ${scriptTimeoutMs / 1000} s` : lastLine(stderr));
  return said.slice(0, -1);
}

/** The words of the lines that were meant for us. */
export function spoken(text: string): string[][] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("ragctl "))
    .map((line) => line.trim().split(/\s+/).slice(1));
}

function lastLine(text: string): string {
  return text.trim().split(/\r?\n/).at(-1) || "the connection ended early";
}

export function unreachable(target: SshAddress, problem: string): RagctlError {
  return new RagctlError(`${target.node} cannot be reached through ssh (${target.host}): ${problem}`, {
    code: "ssh-failed",
    exitCode: ExitCode.unreachable,
    hint: hintFor(problem, target),
  });
}

function hintFor(problem: string, { host, user, port }: SshAddress): string {
  const login = `${port === undefined ? "" : `-p ${port} `}${user === undefined ? "" : `${user}@`}${host}`;
  if (/host key/i.test(problem))
    return `ssh ${login} once by hand, and check the key that it shows; or set UserKnownHostsFile in options`;
  if (/permission denied/i.test(problem))
    return "ragctl gives no passwords: name a key by identityFile, or load it into the agent";
  if (/sudo/.test(problem)) return "let that user run `sudo -n sh` there, or log in as root";
  return `see what \`ssh ${login} true\` says`;
}

function refused(target: SshAddress, problem: string): RagctlError {
  const rights = /permi|denied|root|may not/i.test(problem) && !target.sudo;
  return new RagctlError(`${target.node} (${target.host}): ${problem.trim()}`, {
    code: "remote-refused",
    exitCode: ExitCode.unreachable,
    hint: rights
      ? "set `sudo: true` in the node's target, or log in as another user"
      : "ragctl chaos targets says what is possible there",
  });
}
