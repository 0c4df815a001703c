import { isIPv4, isIPv6 } from "node:net";
import type { Impairment } from "../contract.ts";
import { shellLine } from "./quote.ts";

/** One rule of the packet filter, without what is done with it. */
export interface FilterRule {
  binary: "iptables" | "ip6tables";
  chain: "INPUT" | "OUTPUT";
  match: string[];
}

/**
 * The rules that drop packets of connections to a service, new ones and those made before: all of them for a partition, at
 * random for loss. Each carries the record's id, so that taking it away takes away no other.
 * @param servicePort of the node on its host
 */
export function filterRules(impairment: Impairment, servicePort: number): FilterRule[] {
  const { id, direction, from, lossRatio } = impairment;
  const binaries = (["iptables", "ip6tables"] as const).filter(
    (binary) => from === undefined || (binary === "iptables" ? isIPv4(from) : isIPv6(from)),
  );
  const ways = [
    ...(direction === "from-node" ? [] : [{ chain: "INPUT", port: "--dport", peer: "-s" } as const]),
    ...(direction === "to-node" ? [] : [{ chain: "OUTPUT", port: "--sport", peer: "-d" } as const]),
  ];
  const chance =
    impairment.kind === "loss" ? ["-m", "statistic", "--mode", "random", "--probability", (lossRatio ?? 0).toFixed(9)] : [];
  const tag = ["-m", "comment", "--comment", `ragctl:${id}`];
  return binaries.flatMap((binary) =>
    ways.map(({ chain, port, peer }) => ({
      binary,
      chain,
      match: [
        ...(from === undefined ? [] : [peer, from]),
        "-p",
        "tcp",
        port,
        String(servicePort),
        ...chance,
        ...tag,
        "-j",
        "DROP",
      ],
    })),
  );
}

/** Shell lines that put the rules there; `fw_drop ID` of the library takes them away. Every line's status is tested: `set -e` would not hold there. */
export function filterScript(rules: readonly FilterRule[]): string {
  return rules.map(({ binary, chain, match }) => shellLine("fw_add", binary, chain, ...match)).join(" &&\n");
}
