import type { Host, Target } from "../contract.ts";
import { localHost } from "./local.ts";
import { sshHost } from "./ssh.ts";

/** The process behind a target, or a sentence why there is none to be had. */
export function hostOf(target: Target): Host | { impossible: string } {
  switch (target.kind) {
    case "process":
      return localHost(target);
    case "proxy":
    case "toxiproxy":
      return { impossible: `${target.node} is reached through a proxy here, which holds its connections and not its process` };
    case "service":
      return { impossible: `${target.node} is known by its address alone, and its process cannot be got hold of` };
    case "ssh":
      if (target.unit !== undefined || target.pidFile !== undefined) return sshHost(target);
      return { impossible: `the config names neither \`unit\` nor \`pidFile\` of ${target.node} on ${target.host}` };
  }
}

/** @throws Error where there is none: `possible` of the fault has asked before */
export function requireHost(target: Target): Host {
  const host = hostOf(target);
  if ("impossible" in host) throw new Error(host.impossible);
  return host;
}
