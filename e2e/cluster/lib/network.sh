# One bridge in `cp`, a cable from it to the host and to each node. Fixed MAC addresses: a bridge takes its lowest port's
# address otherwise, changes it when a port comes or goes, and stalls everybody for seconds. Sourced, not run.
# shellcheck shell=bash

# check_network: nobody else may have our interface name or our range.
check_network() {
    local owner other
    if ip link show "$NAME" >/dev/null 2>&1; then
        owner=$(cat "/sys/class/net/$NAME/ifalias")
        [ "$owner" = "$STATE" ] || fail "interface $NAME exists already and belongs to ${owner:-another program}" \
            'set QUORATE_CLUSTER_NAME and QUORATE_CLUSTER_RANGE to free ones, such as quorate2 and 10.251'
        return 0
    fi
    other=$({ ip -4 route show root "$RANGE.0.0/16"; ip -4 route show match "$RANGE.0.0/16"; } | grep -v '^default' | head -n 1 || true)
    [ -z "$other" ] || fail "the range $RANGE.0.0/16 is in use on this machine: $other" \
        'set QUORATE_CLUSTER_RANGE to the first two parts of an unused /16, such as 10.251'
}

in_network() { nsenter -t "$(set_pid "$1")" -n "${@:2}"; }

connect_host() {
    local cp
    ! in_network cp ip link show host >/dev/null 2>&1 || return 0
    # The kernel takes a moment to remove the cable of a set that was killed.
    ip link del "$NAME" 2>/dev/null || true
    cp=$(set_pid cp)
    ip link add "$NAME" type veth peer name host netns "$cp"
    ip link set "$NAME" alias "$STATE" up
    ip addr add "$HOST_IP/24" dev "$NAME"
    in_network cp ip -batch - <<EOF
link add br0 address 02:00:00:00:00:02 type bridge
link set host master br0 up
link set br0 up
addr add $CP_IP/24 dev br0
route add default via $HOST_IP
EOF
}

# connect_node I
connect_node() {
    local i=$1 node j
    if ! in_network "node-$i" ip link show eth0 >/dev/null 2>&1; then
        in_network cp ip link del "n$i" 2>/dev/null || true
        node=$(set_pid "node-$i")
        in_network cp ip link add "n$i" type veth peer name eth0 address "02:00:00:00:00:1$i" netns "$node"
        in_network cp ip link set "n$i" master br0 up
        in_network "node-$i" ip -batch - <<EOF
addr add $(node_ip "$i")/24 dev eth0
link set eth0 up
route add default via $HOST_IP
EOF
        in_set "node-$i" sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward'
    fi
    in_network cp ip route replace "$(node_pods "$i")" via "$(node_ip "$i")"
    ip route replace "$(node_pods "$i")" via "$(node_ip "$i")" dev "$NAME"
    for ((j = 1; j <= NODES; j++)); do
        [ "$i" = "$j" ] || in_network "node-$i" ip route replace "$(node_pods "$j")" via "$(node_ip "$j")"
    done
}

# route_services I: Services and LoadBalancer addresses are reached through node I's kube-proxy.
route_services() {
    in_network cp ip route replace "$SERVICE_RANGE" via "$(node_ip "$1")"
    ip route replace "$SERVICE_RANGE" via "$(node_ip "$1")" dev "$NAME"
    ip route replace "$LB_RANGE" via "$(node_ip "$1")" dev "$NAME"
}

disconnect_host() {
    [ "$(cat "/sys/class/net/$NAME/ifalias" 2>/dev/null)" != "$STATE" ] || ip link del "$NAME" 2>/dev/null || true
    [ ! -e "/sys/class/net/$NAME" ] || [ "$(cat "/sys/class/net/$NAME/ifalias")" != "$STATE" ] || fail "interface $NAME is still there" "ip link del $NAME"
}
