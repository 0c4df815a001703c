import { createHash } from "node:crypto";
import type { Impairment } from "../contract.ts";
import { shellWord } from "./quote.ts";

/** The handle of the root queue that this record puts on a device: a number of its own in [0x8001, 0xfffe]. */
export function shapingHandle(id: string): string {
  const digest = createHash("sha256").update(id).digest().readUInt16BE(0);
  return (0x80_01 + (digest % 0x7f_fe)).toString(16);
}

/**
 * Shell lines that send what the node answers through a class of its own, delayed (netem) or limited (htb), on the device
 * that leads to a client, or on all. Everything else passes as before. What arrives cannot be held back by these means.
 */
export function shapingScript(impairment: Impairment, servicePort: number): string {
  const handle = shapingHandle(impairment.id);
  const { from, kind, delayMs = 0, jitterMs = 0, distribution, bytesPerSec = 0 } = impairment;
  const rate = kind === "bandwidth" ? `${Math.max(1, Math.round(bytesPerSec))}bps` : "100gbit";
  const spread = jitterMs > 0 && distribution !== undefined && distribution !== "uniform" ? `distribution ${distribution}` : "";
  const delay = `delay ${delayMs}ms ${jitterMs > 0 ? `${jitterMs}ms` : ""} ${spread} limit 100000`;
  const devices =
    from === undefined
      ? `ip -o link show up </dev/null | sed -n 's/^[0-9]*: \\([^:@ ]*\\).*/\\1/p'`
      : `ip -o route get ${shellWord(from)} </dev/null | sed -n 's/.* dev \\([^ ]*\\).*/\\1/p'`;
  const match = (protocol: "ip" | "ip6") =>
    `match ${protocol} sport ${servicePort} 0xffff${from === undefined ? "" : ` match ${protocol} dst ${from}`}`;
  const wanted = from === undefined ? ["ip", "ip6"] : [from.includes(":") ? "ip6" : "ip"];
  const filters = (["ip", "ip6"] as const)
    .filter((protocol) => wanted.includes(protocol))
    .map(
      (protocol, index) =>
        `tc filter add dev "$D" parent ${handle}: protocol ${protocol === "ip" ? "ip" : "ipv6"} prio ${index + 1} u32 ${match(protocol)} flowid ${handle}:1 </dev/null || return 1`,
    );
  return `DEVICES=$(${devices})
[ -n "$DEVICES" ] || { echo "no network device leads there"; return 1; }
for D in $DEVICES; do
tc qdisc add dev "$D" root handle ${handle}: htb default 0 </dev/null || { echo "$D has queues of its own, which would be lost"; return 1; }
tc class add dev "$D" parent ${handle}: classid ${handle}:1 htb rate ${rate} quantum 60000 </dev/null || return 1
${kind === "latency" ? `tc qdisc add dev "$D" parent ${handle}:1 netem ${delay} </dev/null || return 1` : ":"}
${filters.join("\n")}
done`;
}
