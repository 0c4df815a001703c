import { z } from "zod";
import { ExitCode, RagctlError } from "../errors.ts";
import type { ProcessIdentity } from "../process-identity.ts";
import type { Fault, HealRecord } from "./contract.ts";
import { hostOf, requireHost } from "./hosts/index.ts";

const dyingMs = 2_000;

const options = z.strictObject({});

/** SIGKILL: what a crash, an OOM kill or a lost machine looks like to everyone else. Healed by starting the node again. */
export const killNode: Fault<z.output<typeof options>> = {
  name: "kill-node",
  targets: ["process", "ssh"],
  options,
  reversible: true,
  mayHold: true,
  healTimeoutMs: 60_000,

  possible(target) {
    const host = hostOf(target);
    return "impossible" in host ? host.impossible : true;
  },

  async prepare(target, _options, deps) {
    const canStart = deps.hold || requireHost(target).canStart();
    if (canStart !== true)
      throw new RagctlError(canStart, {
        code: "target-without-supervisor",
        exitCode: ExitCode.usage,
        hint: "leave out --restart-after, and start it yourself",
      });
    return { process: { ...(await processNow(target, deps)) } };
  },

  async inject(record, deps) {
    const host = requireHost(record.target);
    const process = processOf(record);
    if (!(await host.signal(process, "SIGKILL", deps))) throw targetChanged(record, process, "killed");
    for (let waitedMs = 0; waitedMs < dyingMs && (await host.state(process, deps)) !== "gone"; waitedMs += 5)
      await deps.clock.sleep(5);
  },

  async heal(record, deps) {
    const host = requireHost(record.target);
    if ((await host.state(processOf(record), deps)) !== "gone" || !host.remains()) return;
    await host.start(deps);
  },

  /** A node that was never killed, answers, or belonged to a cluster that has been deleted is not dead by this fault. */
  async probe(record, deps) {
    const host = requireHost(record.target);
    if ((await host.state(processOf(record), deps)) !== "gone" || !host.remains()) return "gone";
    const readiness = await host.ready(deps);
    if (readiness === "yes") return "gone";
    return readiness === "silent" ? "unknown" : "active";
  },
};

/** The process that a record is about, as faults of processes write it into `undo`. */
export function processOf({ undo, target }: HealRecord): ProcessIdentity {
  const noted = (undo as { process?: ProcessIdentity } | null)?.process;
  if (noted) return noted;
  if (target.kind === "process") return target.process;
  throw new Error("the heal record names no process");
}

/** What a fault of processes prepares: who runs there now. @throws RagctlError exit 3 where nobody does */
export async function processNow(target: HealRecord["target"], deps: Parameters<Fault["prepare"]>[2]): Promise<ProcessIdentity> {
  const process = await requireHost(target).identify(deps);
  if (process) return process;
  throw new RagctlError(`no process of ${target.node} runs`, {
    code: "target-unreachable",
    exitCode: ExitCode.unreachable,
    hint: "ragctl status shows what runs",
  });
}

export function targetChanged({ target }: HealRecord, { pid }: ProcessIdentity, what: string): RagctlError {
  return new RagctlError(`${target.node} is no longer the process it was a moment ago (pid ${pid}); nothing was ${what}`, {
    code: "target-changed",
    exitCode: ExitCode.unreachable,
    hint: "ragctl status shows what runs",
  });
}
