import type { FaultDeps, SshFacts } from "../contract.ts";
import { library } from "./library.ts";
import { shellWord } from "./quote.ts";
import { runRemote, type SshAddress } from "./ssh.ts";

export interface RemoteFacts extends SshFacts {
  /** The pid of the node's unit or pid file; absent where nothing runs. */
  pid?: number;
  /** Why the node's process cannot be told. */
  processProblem?: string;
}

/** What that host can do, and whether the node runs there. Changes nothing. @throws RagctlError exit 3 */
export async function remoteFacts(
  target: SshAddress & { unit?: string; pidFile?: string },
  deps: FaultDeps,
): Promise<RemoteFacts> {
  const said = await runRemote(target, factsScript(target), deps);
  const facts = new Map(said.map(([key, ...rest]) => [key!, rest.join(" ")]));
  const yes = (key: string) => facts.get(key) === "yes";
  const pid = Number(facts.get("pid"));
  const processProblem = facts.get("process-problem");
  return {
    root: yes("root"),
    iptables: yes("iptables"),
    shaping: yes("shaping"),
    netem: yes("netem"),
    systemd: yes("systemd"),
    ...(pid > 0 ? { pid } : {}),
    ...(processProblem === undefined ? {} : { processProblem }),
  };
}

function factsScript({ unit, pidFile }: { unit?: string; pidFile?: string }): string {
  return `${library}
UNIT=${shellWord(unit ?? "")} PIDFILE=${shellWord(pidFile ?? "")}
${main}`;
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
  if [ -n "$UNIT" ]; then
    if ! have systemctl; then say process-problem "there is no systemctl there"
    elif unit_pid "$UNIT"; then say pid "$PID"
    else say process-problem "the unit $UNIT does not run there"
    fi
  elif [ -n "$PIDFILE" ]; then
    if file_pid "$PIDFILE" && look "$PID"; then say pid "$PID"
    else say process-problem "$PIDFILE names no process that runs there"
    fi
  fi
  say done
}
main </dev/null
`;
