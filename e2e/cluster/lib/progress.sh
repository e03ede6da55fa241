# Messages and the table of where time went. Sourced, not run.
# shellcheck shell=bash

say() { printf '%s\n' "$*" >&2; }

# fail REASON [FIX]: the last lines a user sees say what is wrong and what to do.
fail() {
    printf 'error: %s\n' "$1" >&2
    [ $# -lt 2 ] || printf '  fix: %s\n' "$2" >&2
    exit 1
}

now_ms() {
    local t=${EPOCHREALTIME/[.,]/}
    printf '%s' "$((t / 1000))"
}

PHASES=()
PHASE_NAME=
PHASE_START=$(now_ms)
ALL_START=$PHASE_START

# phase NAME: ends the running phase, prints and starts the next one.
phase() {
    local now
    now=$(now_ms)
    [ -z "$PHASE_NAME" ] || PHASES+=("$(printf '%8d ms  %s' "$((now - PHASE_START))" "$PHASE_NAME")")
    PHASE_NAME=$1
    PHASE_START=$now
    [ -z "$1" ] || say "- $1"
}

print_times() {
    phase ''
    say 'where the time went:'
    local line
    for line in "${PHASES[@]}"; do say "  $line"; done
    say "  $(printf '%8d ms  in all' "$(($(now_ms) - ALL_START))")"
}

# wait_for SECONDS WHAT LOG COMMAND...: runs COMMAND until it succeeds. Past the deadline it prints the log's end and fails.
wait_for() {
    local seconds=$1 what=$2 log=$3 start shown=0
    shift 3
    start=$SECONDS
    until "$@" >/dev/null 2>&1; do
        if ((SECONDS - start >= seconds)); then
            tail_of "$log"
            fail "$what: not after $seconds s" "see ${log:-the messages above}"
        fi
        if ((SECONDS - start >= shown + 5)); then
            shown=$((SECONDS - start))
            say "  waiting: $what ($shown s of at most $seconds s)"
        fi
        sleep 0.1
    done
}

tail_of() {
    [ -n "$1" ] && [ -s "$1" ] || return 0
    say "last lines of $1:"
    tail -n 15 "$1" >&2
}
