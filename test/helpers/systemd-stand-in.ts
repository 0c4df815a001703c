import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { shellWord } from "../../src/faults/remote/quote.ts";

export interface StandInUnits {
  /** Holds `systemctl`; put before PATH. */
  bin: string;
  define(unit: string, command: readonly string[]): void;
  start(unit: string): Promise<void>;
  pidOf(unit: string): number | undefined;
  stop(): void;
}

/** `systemctl show -p MainPID`, `start` and `reset-failed` over commands of the test's own, for machines where systemd does not run. */
export function systemdStandIn(dir: string, run: (command: string) => Promise<void>): StandInUnits {
  const bin = join(dir, "bin");
  const units = join(dir, "units");
  mkdirSync(bin, { recursive: true });
  mkdirSync(units, { recursive: true });
  writeFileSync(
    join(bin, "systemctl"),
    `#!/bin/sh
U=${shellWord(units)}
running() { read -r PID <"$U/$1.pid" 2>/dev/null && kill -0 "$PID" 2>/dev/null && ! grep -q ') Z ' "/proc/$PID/stat"; }
case $1 in
show) if running "$4"; then echo "MainPID=$PID"; else echo MainPID=0; fi ;;
reset-failed) ;;
start)
  [ "$2" = --no-block ] && shift
  [ -f "$U/$2.sh" ] || { echo "Failed to start $2: Unit $2 not found." >&2; exit 5; }
  running "$2" && exit 0
  setsid sh -c 'echo $$ >"$1"; exec sh "$2"' sh "$U/$2.pid" "$U/$2.sh" </dev/null >"$U/$2.log" 2>&1 &
  N=0; until running "$2" || [ "$N" -gt 50 ]; do sleep 0.1; N=$((N + 1)); done ;;
*) exit 1 ;;
esac
`,
  );
  chmodSync(join(bin, "systemctl"), 0o755);
  const defined: string[] = [];
  const pidOf = (unit: string) => {
    try {
      return Number(readFileSync(join(units, `${unit}.pid`), "utf8"));
    } catch {
      return undefined;
    }
  };
  return {
    bin,
    pidOf,
    define(unit, command) {
      defined.push(unit);
      writeFileSync(join(units, `${unit}.sh`), `exec ${command.map(shellWord).join(" ")}\n`);
    },
    start: (unit) => run(`${shellWord(join(bin, "systemctl"))} start ${shellWord(unit)}`),
    stop() {
      for (const unit of defined) {
        const pid = pidOf(unit);
        if (pid) tryKill(pid);
      }
      rmSync(units, { recursive: true, force: true });
    },
  };
}

function tryKill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}
