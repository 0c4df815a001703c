import type { ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { ExitCode, RagctlError } from "../../errors.ts";
import { runAfter } from "../../runtime.ts";
import { leaseRenewMs, type FaultDeps } from "../contract.ts";
import { injectScript, renewPrelude, type GuardedFault } from "./deadman.ts";
import { shellLine } from "./quote.ts";
import { runRemote, spawnSsh, unreachable, type SshAddress } from "./ssh.ts";

/** A login on a busy host takes seconds; an answer over a connection that is there should not, and leaves time for another try within a lease. */
const loginMs = 20_000;
const answerMs = 4_000;
const idleMs = 20_000;
/** An act that has not come to its own renewals by then is lost. */
const bridgeMs = 30_000;

/** What the timer said: it goes on; it is not there (any more); nothing in time. */
type Beat = "beat" | "lost" | "silent";

/** An open connection over which leases are renewed: a login each second would cost more than the fault. */
interface Line {
  child: ChildProcess;
  ready: Promise<void>;
  waiting: Map<string, (said: Beat) => void>;
  beats: number;
  failed?: string;
  stayOpen?: () => void;
}

/** One a login; it closes with its process, or when it has not been used for a while. */
const lines = new Map<string, Line>();
/** Records whose injection is under way in this process: renewed from here until the act does it. */
const bridges = new Map<string, AbortController>();

/**
 * Sets the timer and breaks what it guards. On a slow way one login after another can take longer than a lease, so this renews by
 * itself until the act begins to, over a connection that is opened meanwhile.
 * @returns what the script said
 */
export async function injectRemote(target: SshAddress, fault: GuardedFault, deps: FaultDeps): Promise<string[][]> {
  void bridge(target, fault.id, deps);
  try {
    return await runRemote(target, injectScript(fault), deps);
  } catch (error) {
    endBridge(fault.id);
    throw error;
  }
}

async function bridge(target: SshAddress, id: string, deps: FaultDeps): Promise<void> {
  if (bridges.has(id)) return;
  const ended = new AbortController();
  bridges.set(id, ended);
  const { clock } = deps;
  const signal = deps.signal ? AbortSignal.any([deps.signal, ended.signal]) : ended.signal;
  const endUs = clock.monotonicUs() + bridgeMs * 1000;
  while (!signal.aborted && clock.monotonicUs() < endUs) {
    await beat(lineTo(target), id, { clock, signal });
    await clock.sleep(leaseRenewMs, signal, { ref: false }).catch(() => undefined);
  }
}

/** Called by whoever renews from now on, or has healed it. */
export function endBridge(id: string): void {
  bridges.get(id)?.abort();
  bridges.delete(id);
}

/**
 * Says to the timer that guards this fault that somebody is there.
 * @throws RagctlError exit 3 where the host does not answer, or the timer is gone: it has undone the fault, or died
 */
export async function renewRemote(target: SshAddress, id: string, deps: FaultDeps): Promise<void> {
  endBridge(id);
  const line = lineTo(target);
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

function lineTo(target: SshAddress): Line {
  const { host, port, user, sudo, options, identityFile } = target;
  const key = JSON.stringify([host, port, user, sudo, options, identityFile]);
  const known = lines.get(key);
  if (known && known.failed === undefined) return known;
  const line = open(target);
  lines.set(key, line);
  line.child.once("close", () => {
    if (lines.get(key) === line) lines.delete(key);
  });
  return line;
}

function open(target: SshAddress): Line {
  const child = spawnSsh(target);
  let isReady: () => void = () => undefined;
  const ready = new Promise<void>((resolve) => (isReady = resolve));
  const line: Line = { child, ready, waiting: new Map(), beats: 0 };
  let stderr = "";
  child.on("error", (error) => (line.failed ??= error.message));
  child.on("close", () => (line.failed ??= stderr.trim().split("\n").at(-1) || "the connection ended"));
  child.stderr!.setEncoding("utf8").on("data", (text: string) => (stderr = (stderr + text).slice(-500)));
  child.stdin!.on("error", () => undefined);
  createInterface({ input: child.stdout! }).on("line", (text) => {
    const [mark, said, number] = text.split(" ");
    if (mark !== "ragctl") return;
    if (said === "ready") isReady();
    else if ((said === "beat" || said === "lost") && number !== undefined) line.waiting.get(number)?.(said);
  });
  child.stdin!.write(renewPrelude);
  // Nobody waits for it: a process that has nothing else to do ends, and the connection with it.
  child.unref();
  for (const stream of [child.stdin, child.stdout, child.stderr]) (stream as unknown as { unref?: () => void }).unref?.();
  return line;
}

/** One renewal; never throws. */
async function beat(line: Line, id: string, { clock, signal }: FaultDeps): Promise<Beat> {
  if (
    (await within(
      line,
      line.ready.then(() => "beat" as const),
      loginMs,
      { clock, ...(signal && { signal }) },
    )) !== "beat"
  )
    return "silent";
  const number = `${++line.beats}`;
  const answer = new Promise<Beat>((resolve) => line.waiting.set(number, resolve));
  line.child.stdin!.write(`${shellLine("beat", id, number)}\n`);
  return await within(line, answer, answerMs, { clock, ...(signal && { signal }) }).finally(() => line.waiting.delete(number));
}

/** What comes first: the answer, or "silent" for the end of the time, of the connection, or of the patience of whoever asked. */
function within(line: Line, answer: Promise<Beat>, timeoutMs: number, { clock, signal }: FaultDeps): Promise<Beat> {
  if (line.failed !== undefined || signal?.aborted) return Promise.resolve("silent");
  return new Promise((resolve) => {
    const settle = (said: Beat) => {
      cancel();
      line.child.off("close", silent);
      signal?.removeEventListener("abort", silent);
      resolve(said);
    };
    const silent = () => settle("silent");
    const cancel = runAfter(clock, timeoutMs, silent);
    line.child.once("close", silent);
    signal?.addEventListener("abort", silent, { once: true });
    void answer.then(settle);
  });
}

function closeWhenIdle(line: Line, { clock }: FaultDeps): void {
  line.stayOpen?.();
  const stop = new AbortController();
  line.stayOpen = () => stop.abort();
  clock.sleep(idleMs, stop.signal, { ref: false }).then(
    () => line.child.stdin!.end(),
    () => undefined,
  );
}
