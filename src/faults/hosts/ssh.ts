import { ExitCode, RagctlError } from "../../errors.ts";
import type { ProcessIdentity } from "../../process-identity.ts";
import type { FaultDeps, Host, SshTarget } from "../contract.ts";
import { askReady } from "../ready.ts";
import { remoteBurner } from "../remote/burner.ts";
import { healScript, type GuardedFault } from "../remote/deadman.ts";
import { identifyScript, signalScript, startScript, stateScript } from "../remote/processes.ts";
import { shellLine } from "../remote/quote.ts";
import { endBridge, injectRemote, renewRemote } from "../remote/renewals.ts";
import { runRemote } from "../remote/ssh.ts";

const readyTimeoutMs = 2_000;

/** The node's process on another machine: its systemd unit, or the file that holds its pid. */
export function sshHost(target: SshTarget): Host {
  const ask = async (script: string, deps: FaultDeps) => (await runRemote(target, script, deps))[0] ?? [];
  return {
    async identify(deps) {
      const [word, pid, startTime] = await ask(identifyScript(target), deps);
      return word === "process" ? { pid: Number(pid), startTime: startTime! } : undefined;
    },
    async signal(process, signal, deps) {
      const guard = signal === "SIGCONT" ? undefined : armed.get(keyOf(target, process));
      return (await ask(signalScript(process, signal, guard), deps))[0] === "sent";
    },
    async state(process, deps) {
      const [, state] = await ask(stateScript(process), deps);
      return state === "running" || state === "stopped" ? state : "gone";
    },
    async start(deps) {
      const possible = canStart(target);
      if (possible !== true)
        throw new RagctlError(`${target.node} could not be started: ${possible}`, {
          code: "heal-failed",
          exitCode: ExitCode.unhealed,
          hint: `start it on ${target.host} yourself`,
        });
      await runRemote(target, startScript(target.unit!), deps);
    },
    canStart: () => canStart(target),
    remains: () => true,
    ready: ({ signal }) => askReady(target.readyUrl, { timeoutMs: readyTimeoutMs, ...(signal ? { signal } : {}) }),

    async arm({ id, undo, ttlMs }, deps) {
      const { undo: undoIt, present } = undoing(target, undo);
      const fault: GuardedFault = { id, ttlMs, apply: shellLine("keep_undo", undoIt), undo: undoIt, present };
      const key = keyOf(target, undo.process);
      if (armed.get(key) === id) return await renewRemote(target, id, deps);
      await injectRemote(target, fault, deps);
      armed.set(key, id);
    },
    async disarm(id, deps) {
      endBridge(id);
      for (const [key, value] of armed) if (value === id) armed.delete(key);
      await runRemote(target, healScript({ id, undo: "kept_undo", present: "return 1" }), deps);
    },
    burner: remoteBurner(target),
  };
}

/** Timers that this process has set, by the process that they guard: the second `arm` of one renews. */
const armed = new Map<string, string>();

function keyOf({ host, port, user }: SshTarget, { pid, startTime }: ProcessIdentity): string {
  return JSON.stringify([host, port, user, pid, startTime]);
}

function canStart({ unit, node, facts, host }: SshTarget): true | string {
  if (unit === undefined) return `${node} is known by its pid file alone, so ragctl could kill it but not start it again`;
  return facts.systemd || `there is no systemctl on ${host}`;
}

/** What the timer does when nobody renews: a stopped process goes on, a dead one is started by its unit. */
function undoing(
  { unit }: SshTarget,
  { process, by }: { process: ProcessIdentity; by: "SIGCONT" | "start" },
): Pick<GuardedFault, "undo" | "present"> {
  const { pid, startTime } = process;
  if (by === "SIGCONT")
    return {
      undo: shellLine("strike", "CONT", pid, startTime),
      present: `${shellLine("lives", pid, startTime)} || return 1\n[ "$STATE" = T ]`,
    };
  return {
    undo: `${shellLine("lives", pid, startTime)} || ${shellLine("unit_start", unit ?? "")}`,
    present: `${shellLine("lives", pid, startTime)} && return 1\n! ${shellLine("unit_pid", unit ?? "")}`,
  };
}
