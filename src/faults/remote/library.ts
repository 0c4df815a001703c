/**
 * What every remote script begins with, in POSIX sh. It reaches the host on the standard input of `sh -s`, so that no login
 * shell ever parses it, and it does nothing until its last line has arrived: a cut connection runs nothing by halves.
 * Only lines that begin with `ragctl ` are read by the caller; a login shell may print what it likes.
 */
export const library = String.raw`
PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"; export PATH
LC_ALL=C; export LC_ALL
umask 077

say() { printf 'ragctl %s\n' "$*"; }
fail() { say fail "$*"; exit 0; }
have() { command -v "$1" >/dev/null 2>&1; }
pause() { sleep "0.$1" 2>/dev/null || sleep 1; }

# Where timers keep their files: gone after a reboot for root, as what they guard is.
base() {
  if [ "$(id -u)" -eq 0 ]; then
    if [ -d /run ]; then BASE=/run/ragctl; else BASE=/var/run/ragctl; fi
  else
    BASE=$HOME/.ragctl
  fi
  mkdir -p "$BASE" 2>/dev/null && [ -w "$BASE" ] || fail "cannot write to $BASE"
}

# PID -> STATE and STAMP (boot id, start time); status 1 where no such process runs. The name may hold anything: cut after the last ")".
look() {
  STATE= STAMP=
  case $1 in '' | *[!0-9]*) return 1 ;; esac
  LINE=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  set -- ${"${LINE##*) }"}
  case $1 in Z | X) return 1 ;; esac
  STATE=$1
  shift 19
  BOOT=$(cat /proc/sys/kernel/random/boot_id 2>/dev/null) || BOOT=boot
  STAMP=$(printf %.8s "$BOOT")/$1
}

# PID STAMP -> status 0 while that very process runs.
lives() { look "$1" && [ "$STAMP" = "$2" ]; }

# SIGNAL PID STAMP
strike() { lives "$2" "$3" && kill -s "$1" "$2" 2>/dev/null; }

unit_pid() {
  PID=$(systemctl show -p MainPID "$1" 2>/dev/null </dev/null | sed -n 's/^MainPID=//p')
  [ "${"${PID:-0}"}" -gt 0 ] 2>/dev/null
}
unit_start() { systemctl reset-failed "$1" </dev/null >/dev/null 2>&1; systemctl start --no-block "$1" </dev/null; }
file_pid() { PID=$(head -n 1 "$1" 2>/dev/null | tr -dc 0-9) && [ -n "$PID" ]; }

# What the timer would do, for whoever calls it off knowing the id alone.
keep_undo() { printf '%s\n' "$1" >"$DIR/undo"; }
kept_undo() { [ ! -r "$DIR/undo" ] || . "$DIR/undo"; }

# Rules of the packet filter: fw_add BINARY CHAIN RULE..., and what is tagged with a record's id: fw_tagged ID, fw_drop ID.
fw_able() { have "$1" && { [ "$1" = iptables ] || read -r ANY 2>/dev/null </proc/net/if_inet6; }; }
fw_add() { fw_able "$1" || return 0; B=$1 C=$2; shift 2; "$B" -w 5 -I "$C" 1 "$@" </dev/null; }
fw_list() {
  LIST=$("$1" -w 5 -S "$2" </dev/null) || return 2
  printf '%s\n' "$LIST" | tr -d '"' | grep -F -e "--comment ragctl:$3 "
  return 0
}
fw_tagged() {
  for B in iptables ip6tables; do
    fw_able "$B" || continue
    for C in INPUT OUTPUT; do
      RULES=$(fw_list "$B" "$C" "$1") || return 2
      [ -z "$RULES" ] || return 0
    done
  done
  return 1
}
fw_drop() {
  for B in iptables ip6tables; do
    fw_able "$B" || continue
    for C in INPUT OUTPUT; do
      fw_list "$B" "$C" "$1" | while read -r A RULE; do
        set -- $RULE
        "$B" -w 5 -D "$@" </dev/null
      done
    done
  done
}

# Shaping by a class of our own under a root queue whose handle says whose it is.
tc_devices() { tc qdisc show 2>/dev/null </dev/null | sed -n "s/^qdisc htb $1: dev \([^ ]*\) root.*/\1/p"; }
tc_there() { have tc && [ -n "$(tc_devices "$1")" ]; }
tc_drop() { have tc || return 0; for D in $(tc_devices "$1"); do tc qdisc del dev "$D" root </dev/null || return 1; done; }

# Burners note their processes (pid, start time) and files beside the timer that ends them.
burn_note() { look "$1" && printf '%s %s\n' "$1" "$STAMP" >>"$DIR/workers"; }
burn_core() { sh -c 'while :; do :; done' </dev/null >/dev/null 2>&1 & burn_note $!; }
burn_cpu() {
  MILLIS=$(($(getconf _NPROCESSORS_ONLN) * $1))
  while [ "$MILLIS" -ge 1000 ]; do burn_core; MILLIS=$((MILLIS - 1000)); done
  [ "$MILLIS" -lt 10 ] && return
  burn_core
  ON=$(printf '0.%03d' "$MILLIS") OFF=$(printf '0.%03d' $((1000 - MILLIS)))
  sh -c 'while kill -s STOP "$1" 2>/dev/null && sleep "$3" && kill -s CONT "$1" && sleep "$2"; do :; done' \
    sh "$!" "$ON" "$OFF" </dev/null >/dev/null 2>&1 &
  burn_note $!
}
# One line without an end, which tail must keep whole.
burn_memory() {
  mkfifo "$DIR/held" || return 1
  tail -n 1 <"$DIR/held" >/dev/null 2>&1 &
  burn_note $!
  sh -c 'head -c "$1" /dev/zero; while :; do sleep 5; done' sh "$1" </dev/null >"$DIR/held" 2>/dev/null &
  burn_note $!
}
burn_disk() {
  FILE=$1/.ragctl-burn-$3
  printf '%s\n' "$FILE" >"$DIR/files"
  fallocate -l "$2" "$FILE" 2>/dev/null || head -c "$2" /dev/zero >"$FILE"
}
burn_there() {
  while read -r P S; do lives "$P" "$S" && return 0; done 2>/dev/null <"$DIR/workers"
  while read -r FILE; do [ -e "$FILE" ] && return 0; done 2>/dev/null <"$DIR/files"
  return 1
}
burn_end() {
  while read -r P S; do strike KILL "$P" "$S"; done 2>/dev/null <"$DIR/workers"
  while read -r FILE; do rm -f "$FILE"; done 2>/dev/null <"$DIR/files"
  :
}
`;
