# Where things are: the sources, the built tools, a cluster's state. Sourced, not run.
# shellcheck shell=bash

CLUSTER_SRC=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
REPO=$(cd "$CLUSTER_SRC/../.." && pwd -P)
TOOLS_CACHE=${XDG_CACHE_HOME:-${HOME:?set HOME or XDG_CACHE_HOME}/.cache}/quorate/tools

# tools_hash FOLDER BUILDER: one hash over everything that decides what the built programs are.
tools_hash() {
    (cd "$CLUSTER_SRC" && find "$1" "$2" -type f \( -name '*.go' -o -name 'go.*' -o -name '*.sh' \) -print0 |
        LC_ALL=C sort -z | xargs -0 sha256sum | { cat; uname -m; } | sha256sum | cut -c1-16)
}

# need_tools: sets BIN, or says how to build the tools.
need_tools() {
    BIN=${QUORATE_TOOLS:-$TOOLS_CACHE/$(tools_hash tools lib/build.sh)/bin}
    [ -x "$BIN/kube" ] || fail "the cluster's programs are not built: $BIN has no kube" \
        "run $CLUSTER_SRC/build-tools first (as the same user, or set QUORATE_TOOLS to the folder it prints)"
}

# state_dir [DIR]: sets STATE, absolute and made.
state_dir() {
    STATE=${1:-${QUORATE_CLUSTER_DIR:-$REPO/target/cluster}}
    mkdir -p "$STATE" || fail "cannot make the state folder $STATE" 'give another one as argument or in QUORATE_CLUSTER_DIR'
    STATE=$(cd "$STATE" && pwd -P)
}
