import { library } from "./library.ts";
import { shellWord } from "./quote.ts";

/**
 * A fault on another host, and the dead-man's timer that undoes it there when nobody renews it: ragctl, its watchdog and
 * the network between may all be gone. Each is a line or more of POSIX sh over `library`.
 */
export interface GuardedFault {
  /** Of the record: letters, digits, dots, dashes. */
  id: string;
  ttlMs: number;
  /** Breaks it; a status other than 0 undoes everything. Empty: somebody else breaks it afterwards. */
  apply: string;
  /** Undoes it; harmless where nothing was done, and safe to run twice at once. */
  undo: string;
  /** Status 0: it is there; 1: it is not; 2: cannot be told. */
  present: string;
}

const endOfScript = "END_OF_RAGCTL_DEADMAN";

/**
 * The timer as a program. It counts seconds that it has slept, not a clock that can be set: the lease holds a number, and
 * a number that has not changed for so many seconds means that nobody is there. It ends by itself once the fault is gone.
 */
function timer({ id, ttlMs, undo, present }: Omit<GuardedFault, "apply">): string {
  return `${library}
ID=${shellWord(id)} SECONDS_LEFT=${Math.max(1, Math.ceil(ttlMs / 1000))}
${functions({ undo, present })}
${timerLoop}`;
}

const timerLoop = String.raw`
base
DIR=$BASE/$ID
trap '' HUP INT
trap 'heal; exit 0' TERM
look $$ || exit 1
printf '%s %s\n' "$$" "$STAMP" >"$DIR/timer.new" && mv "$DIR/timer.new" "$DIR/timer"
LAST= STILL=0
while [ -d "$DIR" ]; do
  BEAT=
  read -r BEAT 2>/dev/null <"$DIR/lease" || BEAT=$BEAT
  if [ "$BEAT" = "$LAST" ]; then STILL=$((STILL + 1)); else LAST=$BEAT STILL=0; fi
  if [ "$STILL" -ge "$SECONDS_LEFT" ]; then
    heal && exit 0
  fi
  sleep 1
done
`;

/** Marks the id as healed first: whoever is still about to inject under it looks there afterwards, and undoes what it did. */
function functions({ undo, present }: Pick<GuardedFault, "undo" | "present">): string {
  return `undo() {
:
${undo}
}
present() {
${present}
}
heal() {
  : >"$BASE/$ID.healed"
  undo
  present
  [ $? -eq 1 ] || return 1
  rm -rf "$DIR"
}`;
}

/** Sets the timer, sees that it runs, breaks it, and sees that it is broken; one that is set already is renewed. Answers `done`. */
export function injectScript(fault: GuardedFault): string {
  return `${library}
ID=${shellWord(fault.id)}
${functions(fault)}
apply() {
:
${fault.apply}
}
write_timer() {
cat >"$DIR/program" <<'${endOfScript}'
${timer(fault)}
${endOfScript}
}
${injectMain}`;
}

const injectMain = String.raw`
start_timer() {
  if [ -d /run/systemd/system ] && [ "$(id -u)" -eq 0 ] && have systemd-run; then
    systemd-run --quiet --collect --unit="ragctl-$ID" /bin/sh "$DIR/program" </dev/null >/dev/null 2>&1 && return
  fi
  if have setsid; then
    setsid sh "$DIR/program" </dev/null >"$DIR/log" 2>&1 &
  else
    nohup sh "$DIR/program" </dev/null >"$DIR/log" 2>&1 &
  fi
}
timer_lives() {
  read -r PID STAMP_THEN 2>/dev/null <"$DIR/timer" && lives "$PID" "$STAMP_THEN"
}
give_up() { heal; fail "$1"; }
main() {
  base
  DIR=$BASE/$ID
  find "$BASE" -name '*.healed' -mtime +0 -exec rm -f {} + 2>/dev/null
  [ -e "$BASE/$ID.healed" ] && fail "it was healed before it was injected"
  if mkdir "$DIR" 2>/dev/null; then
    printf '0\n' >"$DIR/lease" && write_timer || { rm -rf "$DIR"; fail "cannot write to $DIR"; }
    start_timer
    N=0
    until timer_lives; do
      N=$((N + 1))
      [ "$N" -lt 100 ] || { rm -rf "$DIR"; fail "the timer that would undo the fault did not start; nothing was injected"; }
      pause 1
    done
    PROBLEM=$(apply 2>&1) || give_up "$(printf '%s' "$PROBLEM" | tail -n 3 | tr '\n' ' ')"
  else
    timer_lives || give_up "the timer that would undo the fault has died"
  fi
  timer_lives || give_up "the timer that would undo the fault has died"
  [ -e "$BASE/$ID.healed" ] && give_up "it was healed while it was injected"
  say timer "$PID" "$STAMP_THEN"
  say done
}
main </dev/null
`;

/** Undoes it, whoever else is about to. Answers `done`, or why it is still there. */
export function healScript(fault: Pick<GuardedFault, "id" | "undo" | "present">): string {
  return `${library}
ID=${shellWord(fault.id)}
${functions(fault)}
main() {
  base
  DIR=$BASE/$ID
  heal 2>&1 || fail "it is still there after undoing it"
  say done
}
main </dev/null
`;
}

/** Answers `present yes`, `no` or `unknown`. */
export function presentScript(fault: Pick<GuardedFault, "present">): string {
  return `${library}
present() {
${fault.present}
}
main() {
  present
  case $? in 0) say present yes ;; 1) say present no ;; *) say present unknown ;; esac
  say done
}
main </dev/null
`;
}

/** Read line by line from an open connection: after it, every line \`beat ID N\` renews a lease and is answered. */
export const renewPrelude = `${library}
beat() {
  if [ -d "$BASE/$1" ] && read -r PID THEN 2>/dev/null <"$BASE/$1/timer" && lives "$PID" "$THEN"; then
    printf '%s\\n' "$2" >"$BASE/$1/lease"
    say beat "$2"
  else
    say lost "$2"
  fi
}
base
say ready
`;
