import { ExitCode, RagctlError } from "../errors.ts";
import { isAlive } from "../process-identity.ts";
import { signalProcess } from "../process-signal.ts";
import type { Fault, FaultDeps, HealRecord, Probe } from "./contract.ts";
import { askReady } from "./ready.ts";
import { SupervisorError } from "./supervisor-socket.ts";
import { clusterRemains, startThroughSupervisor } from "./targets/process.ts";

export interface KillNodeOptions {
  /** Whether the node shall come back: then somebody must be able to start it. */
  restart: boolean;
}

const probeTimeoutMs = 1_000;
const dyingMs = 2_000;

/** SIGKILL: what a crash, an OOM kill or a lost machine looks like to everyone else. Healed by starting the node again. */
export const killNode: Fault<KillNodeOptions> = {
  name: "kill-node",
  summary: "SIGKILL a node; healed by whoever supervises it",
  targets: ["process"],
  reversible: true,
  healTimeoutMs: 60_000,

  async prepare(target, { restart }) {
    if (restart && !target.supervisor)
      throw new RagctlError(`${target.node} is known by its pid file alone, so ragctl could kill it but not start it again`, {
        code: "target-without-supervisor",
        exitCode: ExitCode.usage,
        hint: "leave out --restart-after, and start it yourself",
      });
    return null;
  },

  async inject(record, { clock }) {
    const { process, node } = record.target;
    if (!signalProcess(process, "SIGKILL"))
      throw new RagctlError(`${node} is no longer the process it was a moment ago (pid ${process.pid}); nothing was killed`, {
        code: "target-changed",
        exitCode: ExitCode.unreachable,
        hint: "ragctl status shows what runs",
      });
    for (let waitedMs = 0; isAlive(process) && waitedMs < dyingMs; waitedMs += 5) await clock.sleep(5);
  },

  async heal(record, { signal }) {
    if (isAlive(record.target.process) || !clusterRemains(record.target)) return;
    try {
      await startThroughSupervisor(record.target, signal);
    } catch (error) {
      if (!(error instanceof SupervisorError)) throw error;
      throw new RagctlError(`${record.target.node} could not be started: ${error.message}`, {
        code: "heal-failed",
        exitCode: ExitCode.unhealed,
        hint: record.target.supervisor ? "ragctl up brings the supervisor and the node back" : "start the node yourself",
        cause: error,
      });
    }
  },

  probe,
};

/** A node that was never killed, answers, or belonged to a cluster that has been deleted is not dead by this fault. */
async function probe({ target }: HealRecord, { signal }: FaultDeps): Promise<Probe> {
  if (isAlive(target.process) || !clusterRemains(target)) return "gone";
  const readiness = await askReady(target.readyUrl, { timeoutMs: probeTimeoutMs, ...(signal ? { signal } : {}) });
  if (readiness === "yes") return "gone";
  return readiness === "silent" ? "unknown" : "active";
}
