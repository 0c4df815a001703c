import { readFileSync } from "node:fs";
import { ExitCode, RagctlError } from "../../errors.ts";
import { identify, isAlive, isStopped } from "../../process-identity.ts";
import { signalProcess } from "../../process-signal.ts";
import type { Host, ProcessTarget } from "../contract.ts";
import { localBurner } from "../exhaust/local-burner.ts";
import { connects } from "../../status/connects.ts";
import { askReady } from "../ready.ts";
import { readSupervisorFile, SupervisorError } from "../supervisor-socket.ts";
import { clusterRemains, startThroughSupervisor } from "../targets/process.ts";

const readyTimeoutMs = 1_000;

/** A process of this machine: signals by pid and start time, started by the supervisor of `up`. */
export function localHost(target: ProcessTarget): Host {
  return {
    identify: async () => runningNow(target),
    signal: async (process, signal) => signalProcess(process, signal),
    state: async (process) => (isAlive(process) ? (isStopped(process.pid) ? "stopped" : "running") : "gone"),
    async start({ signal }) {
      try {
        await startThroughSupervisor(target, signal);
      } catch (error) {
        if (!(error instanceof SupervisorError)) throw error;
        throw new RagctlError(`${target.node} could not be started: ${error.message}`, {
          code: "heal-failed",
          exitCode: ExitCode.unhealed,
          hint: target.supervisor ? "ragctl up brings the supervisor and the node back" : "start the node yourself",
          cause: error,
        });
      }
    },
    canStart: () =>
      target.supervisor ? true : `${target.node} is known by its pid file alone, so ragctl could kill it but not start it again`,
    remains: () => clusterRemains(target),
    async ready({ signal }) {
      const readiness = await askReady(target.readyUrl, { timeoutMs: readyTimeoutMs, ...(signal ? { signal } : {}) });
      if (readiness !== "yes" || !target.frontUrl) return readiness;
      // Whatever another fault does to connections there: they are taken.
      return (await connects(target.frontUrl, readyTimeoutMs)) ? "yes" : "refused";
    },
    burner: localBurner,
  };
}

function runningNow({ supervisor, pidFile, node, process }: ProcessTarget) {
  if (supervisor) {
    const known = readSupervisorFile(supervisor.dir)?.processes[node];
    return known && isAlive(known) ? known : undefined;
  }
  if (!pidFile) return isAlive(process) ? process : undefined;
  try {
    return identify(Number(readFileSync(pidFile, "utf8").trim()));
  } catch {
    return undefined;
  }
}
