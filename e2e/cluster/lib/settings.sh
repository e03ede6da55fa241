# Names and address ranges of one cluster, all derived from a name and a /16. Sourced, not run.
# shellcheck shell=bash disable=SC2034

# load_settings: reads the environment; refuses to change them under an existing state.
load_settings() {
    NAME=${QUORATE_CLUSTER_NAME:-quorate}
    RANGE=${QUORATE_CLUSTER_RANGE:-10.250}
    NODES=${QUORATE_CLUSTER_NODES:-$(known_nodes)}
    [[ $NAME =~ ^[a-z][a-z0-9-]{0,13}$ ]] || fail "QUORATE_CLUSTER_NAME is '$NAME'" 'use up to 14 of a-z 0-9 -, it names an interface and a cgroup'
    [[ $RANGE =~ ^[0-9]{1,3}\.[0-9]{1,3}$ ]] || fail "QUORATE_CLUSTER_RANGE is '$RANGE'" 'give the first two parts of an unused /16, such as 10.250'
    [[ $NODES =~ ^[1-9]$ ]] || fail "QUORATE_CLUSTER_NODES is '$NODES'" 'use 1 to 9'
    if [ -s "$STATE/settings" ] && [ "$(cat "$STATE/settings")" != "$NAME $RANGE" ]; then
        fail "$STATE belongs to a cluster '$(cat "$STATE/settings")', not '$NAME $RANGE'" \
            "set QUORATE_CLUSTER_NAME and QUORATE_CLUSTER_RANGE to those, or remove it with them set: $CLUSTER_SRC/down --purge"
    fi
    HOST_IP=$RANGE.0.1
    CP_IP=$RANGE.0.2
    LB_RANGE=$RANGE.1.0/24
    SERVICE_RANGE=$RANGE.16.0/20
    API_SERVICE_IP=$RANGE.16.1
    DNS_IP=$RANGE.16.10
    POD_RANGE=$RANGE.128.0/17
}

# known_nodes: as many as the cluster had before; one for a new cluster.
known_nodes() {
    local i=1
    while [ -d "$STATE/node-$((i + 1))" ]; do i=$((i + 1)); done
    printf '%s' "$i"
}

node_ip() { printf '%s' "$RANGE.0.$((10 + $1))"; }
node_pods() { printf '%s' "$RANGE.$((128 + $1)).0/24"; }

# for_nodes COMMAND...: runs it with each node's number as last argument.
for_nodes() {
    local i
    for ((i = 1; i <= NODES; i++)); do "$@" "$i"; done
}
