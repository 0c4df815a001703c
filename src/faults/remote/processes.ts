import type { ProcessIdentity } from "../../process-identity.ts";
import type { HostSignal, SshTarget } from "../contract.ts";
import { library } from "./library.ts";
import { shellLine, shellWord } from "./quote.ts";

function script(main: string): string {
  return `${library}
main() {
${main}
say done
}
main </dev/null
`;
}

/** Answers `process PID START`, or `none`. */
export function identifyScript({ unit, pidFile }: Pick<SshTarget, "unit" | "pidFile">): string {
  const find = unit === undefined ? shellLine("file_pid", pidFile ?? "") : shellLine("unit_pid", unit);
  return script(`if ${find} && look "$PID"; then say process "$PID" "$STAMP"; else say none; fi`);
}

/**
 * Signals that very process and no other. Answers `sent` or `gone`.
 * @param guard the record whose timer stands behind this: once it has been healed, a blow that arrives late is not struck, or undone
 */
export function signalScript({ pid, startTime }: ProcessIdentity, signal: HostSignal, guard?: string): string {
  const name = signal.slice("SIG".length);
  const healed = guard === undefined ? "false" : `[ -e "$BASE"/${shellWord(guard)}.healed ]`;
  return script(`base
${shellLine("lives", pid, startTime)} || { say gone; say done; return; }
${healed} && fail "the fault was healed before it was injected"
kill -s ${name} ${pid} || fail "process ${pid} may not be signalled"
N=0
while [ ${name} = KILL ] && [ "$N" -lt 40 ] && ${shellLine("lives", pid, startTime)}; do N=$((N + 1)); pause 05; done
${healed} && { kill -s CONT ${pid} 2>/dev/null; fail "the fault was healed while it was injected"; }
say sent`);
}

/** Answers `state running`, `stopped` or `gone`. */
export function stateScript({ pid, startTime }: ProcessIdentity): string {
  return script(`if ! ${shellLine("lives", pid, startTime)}; then say state gone
elif [ "$STATE" = T ]; then say state stopped
else say state running
fi`);
}

/** A unit that has been killed often may be held back by systemd's own limit: that is forgotten first. */
export function startScript(unit: string): string {
  return script(`unit_pid ${shellWord(unit)} || {
OUT=$(unit_start ${shellWord(unit)} 2>&1) || fail "systemctl start ${unit.replaceAll(/[^\w@.-]/g, "?")}: $(printf '%s' "$OUT" | tail -n 2 | tr '\\n' ' ')"
}`);
}
