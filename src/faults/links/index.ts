import type { Link, Target } from "../contract.ts";
import { proxyLink } from "./proxy.ts";
import { sshLink } from "./ssh.ts";
import { toxiproxyLink } from "./toxiproxy.ts";

/** The network before a target, or a sentence why it cannot be got hold of. */
export function linkOf(target: Target): Link | { impossible: string } {
  switch (target.kind) {
    case "process":
      return { impossible: `${target.node} is reached as a process here, and its connections cannot be got hold of` };
    case "service":
      return { impossible: `${target.node} is known by its address alone, and nothing stands before it` };
    case "toxiproxy":
      return toxiproxyLink(target);
    case "ssh":
      return sshLink(target);
    case "proxy":
      return proxyLink(target);
  }
}

/** @throws Error where there is none: `possible` of the fault has asked before */
export function requireLink(target: Target): Link {
  const link = linkOf(target);
  if ("impossible" in link) throw new Error(link.impossible);
  return link;
}
