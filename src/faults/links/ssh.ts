import { isIP } from "node:net";
import { leaseTtlMs, type Impairment, type Link, type SshTarget } from "../contract.ts";
import { healScript, presentScript, type GuardedFault } from "../remote/deadman.ts";
import { filterRules, filterScript } from "../remote/filter.ts";
import { shellLine } from "../remote/quote.ts";
import { endBridge, injectRemote, renewRemote } from "../remote/renewals.ts";
import { shapingHandle, shapingScript } from "../remote/shaping.ts";
import { runRemote } from "../remote/ssh.ts";

/** The packet filter and the queues of the node's own machine, each change guarded there by a dead-man's timer. */
export function sshLink(target: SshTarget): Link {
  return {
    supports: (impairment) => supported(target, impairment),

    async add(impairment, deps) {
      await injectRemote(target, guarded(target, impairment), deps);
    },

    renew: (id, deps) => renewRemote(target, id, deps),

    async remove(id, deps) {
      endBridge(id);
      await runRemote(target, healScript(traces(id)), deps);
    },

    async has(id, deps) {
      const said = await runRemote(target, presentScript(traces(id)), deps);
      const answer = said.find(([word]) => word === "present")?.[1];
      return answer === "yes" ? true : answer === "no" ? false : "unknown";
    },
  };
}

function supported({ facts, host }: SshTarget, { kind, direction, from }: Omit<Impairment, "id">): true | string {
  if (kind === "reset")
    return `${host} is reached through ssh, and its packet filter cannot cut an answer in the middle: a proxy can`;
  if (kind === "wrong-answers") return `${host} is reached through ssh, and answers can be changed by a proxy alone`;
  if (!facts.root) return `the packet filter of ${host} needs root: set \`sudo: true\`, or another user`;
  if (from !== undefined && isIP(from) === 0) return `\`${from}\` is no address`;
  if (kind === "partition" || kind === "loss") return facts.iptables || `iptables does not work on ${host}`;
  if (!facts.shaping) return `tc cannot shape traffic on ${host}`;
  if (kind === "latency" && !facts.netem) return `the kernel of ${host} has no netem (sch_netem), which delays packets`;
  return direction === "from-node" || `tc shapes what ${host} sends, and not what it receives: ask for one direction, from-node`;
}

function guarded(target: SshTarget, impairment: Impairment): GuardedFault {
  const { kind } = impairment;
  const apply =
    kind === "partition" || kind === "loss"
      ? filterScript(filterRules(impairment, target.servicePort))
      : shapingScript(impairment, target.servicePort);
  return { ...traces(impairment.id), ttlMs: leaseTtlMs, apply };
}

/** Whoever heals knows the id alone: what any impairment of that id may have left. */
function traces(id: string): Pick<GuardedFault, "id" | "undo" | "present"> {
  const handle = shapingHandle(id);
  return {
    id,
    undo: `${shellLine("fw_drop", id)}\ntc_drop ${handle}`,
    present: `${shellLine("fw_tagged", id)}
TAGGED=$?
[ "$TAGGED" -eq 1 ] || return "$TAGGED"
tc_there ${handle}`,
  };
}
