import { z } from "zod";
import type { Fault } from "./contract.ts";
import { hostOf, requireHost } from "./hosts/index.ts";
import { processNow, processOf, targetChanged } from "./kill-node.ts";

const options = z.strictObject({});
const stoppingMs = 2_000;

/** SIGSTOP, the honest gray failure: the port still accepts, and nothing answers. Healed by SIGCONT. */
export const hang: Fault<z.output<typeof options>> = {
  name: "hang",
  details:
    "The gray failure: connections are accepted and nothing answers, so that only a timeout tells. Breakers and hedged reads are what acts against it.",
  examples: [["ragctl chaos hang n2 --for 30s", "n2 accepts and is silent for half a minute"]],
  targets: ["process", "ssh"],
  options,
  reversible: true,
  healTimeoutMs: 15_000,

  possible(target) {
    const host = hostOf(target);
    return "impossible" in host ? host.impossible : true;
  },

  async prepare(target, _options, deps) {
    return { process: { ...(await processNow(target, deps)) } };
  },

  async inject(record, deps) {
    const host = requireHost(record.target);
    const process = processOf(record);
    const { id, lease } = record;
    await host.arm?.({ id, undo: { process, by: "SIGCONT" }, ttlMs: lease.ttlMs }, deps);
    if (!(await host.signal(process, "SIGSTOP", deps))) throw targetChanged(record, process, "stopped");
    for (let waitedMs = 0; waitedMs < stoppingMs && (await host.state(process, deps)) === "running"; waitedMs += 5)
      await deps.clock.sleep(5);
  },

  async renew(record, deps) {
    const { id, lease } = record;
    await requireHost(record.target).arm?.({ id, undo: { process: processOf(record), by: "SIGCONT" }, ttlMs: lease.ttlMs }, deps);
  },

  async heal(record, deps) {
    const host = requireHost(record.target);
    await host.signal(processOf(record), "SIGCONT", deps);
    await host.disarm?.(record.id, deps);
  },

  /** A process that runs and answers, however it answers, does not hang; nor does one that is no longer there. */
  async probe(record, deps) {
    const host = requireHost(record.target);
    const state = await host.state(processOf(record), deps);
    if (state !== "running") return state === "stopped" ? "active" : "gone";
    return (await host.ready(deps)) === "silent" ? "unknown" : "gone";
  },
};
