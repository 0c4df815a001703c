import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { ExitCode, RagctlError } from "../../errors.ts";
import { runAfter } from "../../runtime.ts";
import type { FaultDeps } from "../contract.ts";
import { renewPrelude } from "./deadman.ts";
import { shellLine } from "./quote.ts";
import { spawnSsh, unreachable, type SshAddress } from "./ssh.ts";

/** Within a lease of 5 s there is time for another try. */
const answerMs = 4_000;

/** An open connection over which leases are renewed: a login each second would cost more than the fault. */
interface Line {
  child: ChildProcess;
  waiting: Map<string, (said: "beat" | "lost") => void>;
  beats: number;
  failed?: string;
}

/** One a host and process; it closes with its process, or when it has not been used for a while. */
const lines = new Map<string, Line>();
const idleMs = 20_000;

/**
 * Says to the timer that guards this fault that somebody is there.
 * @throws RagctlError exit 3 where the host does not answer, or the timer is gone: it has undone the fault, or died
 */
export async function renewRemote(target: SshAddress, id: string, deps: FaultDeps): Promise<void> {
  const key = JSON.stringify([target.host, target.port, target.user, target.sudo, target.options, target.identityFile]);
  let line = lines.get(key);
  if (!line) lines.set(key, (line = open(target, () => lines.delete(key))));
  const said = await beat(line, id, deps);
  closeWhenIdle(line, deps);
  if (said === "beat" || deps.signal?.aborted) return;
  if (said === "lost")
    throw new RagctlError(`${target.node} (${target.host}): the timer there has ended, and undone the fault ${id}`, {
      code: "remote-lease-lost",
      exitCode: ExitCode.unreachable,
      hint: "the way there was cut for longer than the lease, or somebody healed it",
    });
  line.child.kill("SIGKILL");
  throw unreachable(target, line.failed ?? `no answer within ${answerMs / 1000} s`);
}

function open(target: SshAddress, onEnd: () => void): Line {
  const child = spawnSsh(target);
  const line: Line = { child, waiting: new Map(), beats: 0 };
  let stderr = "";
  const end = (problem: string) => {
    line.failed ??= problem;
    onEnd();
  };
  child.on("error", (error) => end(error.message));
  child.on("close", () => end(stderr.trim().split("\n").at(-1) || "the connection ended"));
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-500)));
  child.stdin!.on("error", () => undefined);
  createInterface({ input: child.stdout! }).on("line", (text) => {
    const [mark, said, number] = text.split(" ");
    if (mark !== "ragctl" || (said !== "beat" && said !== "lost") || number === undefined) return;
    line.waiting.get(number)?.(said);
  });
  child.stdin!.write(renewPrelude);
  // Nobody waits for it: a process that has nothing else to do ends, and the connection with it.
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as unknown as { unref?: () => void }).unref?.();
  return line;
}

function beat(line: Line, id: string, { clock, signal }: FaultDeps): Promise<"beat" | "lost" | "silent"> {
  const number = `${++line.beats}`;
  return new Promise((resolve) => {
    const settle = (said: "beat" | "lost" | "silent") => {
      line.waiting.delete(number);
      cancel();
      line.child.off("close", silent);
      signal?.removeEventListener("abort", silent);
      resolve(said);
    };
    const silent = () => settle("silent");
    const cancel = runAfter(clock, answerMs, silent);
    line.waiting.set(number, settle);
    line.child.once("close", silent);
    signal?.addEventListener("abort", silent, { once: true });
    line.child.stdin!.write(`${shellLine("beat", id, number)}\n`);
  });
}

const idleTimers = new WeakMap<Line, () => void>();

function closeWhenIdle(line: Line, { clock }: FaultDeps): void {
  idleTimers.get(line)?.();
  const stop = new AbortController();
  idleTimers.set(line, () => stop.abort());
  clock.sleep(idleMs, stop.signal, { ref: false }).then(
    () => line.child.stdin!.end(),
    () => undefined,
  );
}
