# A set of namespaces (`cp`, `node-1`, ..) and the programs in it. No pid files: the processes themselves are asked. Sourced, not run.
# shellcheck shell=bash

# processes_with ARGUMENT: the processes that have it among their arguments, seen from outside.
processes_with() {
    local files file
    files=$(grep -lsxzF -- "$1" /proc/[0-9]*/cmdline || true)
    for file in $files; do
        file=${file#/proc/}
        printf '%s\n' "${file%/cmdline}"
    done
}

# sets: the process 1 and the name of each set of this state.
sets() {
    local pid args
    while read -r pid; do
        { mapfile -d '' -t args <"/proc/$pid/cmdline"; } 2>/dev/null || continue
        [ "${args[0]:-}" != /run/q/bin/pause ] || [ "${args[1]:-}" != "$STATE" ] || printf '%s %s\n' "$pid" "${args[2]}"
    done < <(processes_with "$STATE")
}

# set_pid SET: process 1 of the set; fails if the set is not there.
set_pid() {
    local pid name
    while read -r pid name; do
        [ "$name" != "$1" ] || { printf '%s' "$pid"; return; }
    done < <(sets)
    return 1
}

all_sets() { sets | cut -d' ' -f2; }

start_set() {
    set_pid "$1" >/dev/null && return
    mkdir -p "$STATE/$1/logs"
    setsid unshare --net --mount --pid --uts --ipc --fork --kill-child=SIGKILL --mount-proc \
        bash "$CLUSTER_SRC/lib/inside.sh" "$STATE" "$1" "$BIN" >"$STATE/$1/logs/inside.log" 2>&1 </dev/null 9>&- &
    disown
    wait_for 10 "namespaces of $1" "$STATE/$1/logs/inside.log" set_pid "$1"
}

# in_set SET COMMAND...: runs it inside, with the cluster's programs first in PATH.
in_set() {
    local pid
    pid=$(set_pid "$1") || fail "$1 is not running" "start it with $CLUSTER_SRC/up"
    shift
    nsenter -t "$pid" -m -u -i -n -p -- env PATH=/run/q/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# program_path PROGRAM: its path inside; a program of the state's own wins over one of the tools.
program_path() {
    if [ -x "$STATE/programs/$1" ]; then printf '%s' "/run/q/state/programs/$1"; else printf '%s' "/run/q/bin/$1"; fi
}

# runs SET PROGRAM: whether it lives there.
runs() {
    local pid other
    pid=$(set_pid "$1") || return 1
    while read -r other; do
        [ ! "/proc/$other/ns/pid" -ef "/proc/$pid/ns/pid" ] || return 0
    done < <(processes_with "$(program_path "$2")")
    return 1
}

log_of() { printf '%s' "$STATE/$1/logs/$2.log"; }

# start SET PROGRAM ARGS...: unless it runs already; no descriptor of the caller stays open in it.
start() {
    local set=$1 program=$2
    shift 2
    ! runs "$set" "$program" || return 0
    # shellcheck disable=SC2016  # expanded by the inner shell
    in_set "$set" setsid -f sh -c 'log=$1; shift; exec "$@" >"$log" 2>&1' sh \
        "/run/q/state/$set/logs/$program.log" "$(program_path "$program")" "$@" >/dev/null 2>&1 </dev/null 9>&-
}

# stop_set SET: one signal to process 1; the kernel ends all the rest with it.
stop_set() {
    local pid
    pid=$(set_pid "$1") || return 0
    kill -9 "$pid"
    wait_for 30 "end of $1" '' test ! -e "/proc/$pid"
}
