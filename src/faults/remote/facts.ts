import type { FaultDeps, SshFacts } from "../contract.ts";
import { library } from "./library.ts";
import { runRemote, type SshAddress } from "./ssh.ts";

/** What that host can do. Changes nothing. @throws RagctlError exit 3 */
export async function remoteFacts(target: SshAddress, deps: FaultDeps): Promise<SshFacts> {
  const said = await runRemote(target, `${library}${main}`, deps);
  const has = (fact: string) => said.some(([key, value]) => key === fact && value === "yes");
  return {
    root: has("root"),
    iptables: has("iptables"),
    shaping: has("shaping"),
    netem: has("netem"),
    systemd: has("systemd"),
  };
}

// netem is tried in a network namespace of its own, where nothing passes; where that cannot be made, the kernel's lists of modules tell.
const main = String.raw`
netem() {
  if have unshare && unshare -n true 2>/dev/null; then
    unshare -n tc qdisc add dev lo root netem delay 1ms 2>/dev/null
  else
    grep -qs sch_netem /proc/modules "/lib/modules/$(uname -r)/modules.builtin" "/lib/modules/$(uname -r)/modules.dep"
  fi
}
shaping() {
  have tc && have ip || return 1
  if have unshare && unshare -n true 2>/dev/null; then
    unshare -n tc qdisc add dev lo root handle 8001: htb 2>/dev/null
  else
    tc qdisc show >/dev/null 2>&1
  fi
}
main() {
  [ -d "/proc/$$" ] || fail "faults on other machines need a Linux with /proc there"
  base
  if [ "$(id -u)" -eq 0 ]; then
    say root yes
    have iptables && iptables -w 5 -S INPUT >/dev/null 2>&1 && say iptables yes
    shaping && say shaping yes
    shaping && netem && say netem yes
  fi
  have systemctl && say systemd yes
  say done
}
main </dev/null
`;
