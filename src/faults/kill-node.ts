import { z } from "zod";
import { ExitCode, RagctlError } from "../errors.ts";
import type { ProcessIdentity } from "../process-identity.ts";
import type { Fault, FaultDeps, HealRecord, Target } from "./contract.ts";
import { hostOf, requireHost } from "./hosts/index.ts";

const dyingMs = 2_000;

const options = z.strictObject({});

/** SIGKILL: what a crash, an OOM kill or a lost machine looks like to everyone else. Healed by starting the node again. */
export const killNode: Fault<z.output<typeof options>> = {
  name: "kill-node",
  details:
    "What a crash looks like. The heal record is on disk and a watchdog has it before the node dies: whatever becomes of ragctl, the node comes back. " +
    "Without --restart-after it stays dead until ragctl chaos heal or ragctl up.",
  examples: [
    ["ragctl chaos kill-node n2 --restart-after 5s", "dead for five seconds"],
    ["ragctl chaos kill-node n2", "dead until it is healed"],
  ],
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
    await arm(record, deps);
    if (!(await host.signal(process, "SIGKILL", deps))) throw targetChanged(record, process, "killed");
    for (let waitedMs = 0; waitedMs < dyingMs && (await host.state(process, deps)) !== "gone"; waitedMs += 5)
      await deps.clock.sleep(5);
  },

  renew: arm,

  async heal(record, deps) {
    const host = requireHost(record.target);
    await host.disarm?.(record.id, deps);
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

/** Where ragctl's own watchdog may not reach the node any more, it is started again from beside it. */
async function arm(record: HealRecord, deps: FaultDeps): Promise<void> {
  const { id, lease, target } = record;
  if (lease.hold) return;
  await requireHost(target).arm?.({ id, undo: { process: processOf(record), by: "start" }, ttlMs: lease.ttlMs }, deps);
}

/** The process that a record is about, as faults of processes write it into `undo`. */
export function processOf({ undo, target }: HealRecord): ProcessIdentity {
  const noted = (undo as { process?: ProcessIdentity } | null)?.process;
  if (noted) return noted;
  if (target.kind === "process") return target.process;
  throw new Error("the heal record names no process");
}

/** What a fault of processes prepares: who runs there now. @throws RagctlError exit 3 where nobody does */
export async function processNow(target: Target, deps: FaultDeps): Promise<ProcessIdentity> {
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
