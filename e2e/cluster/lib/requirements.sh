# What the machine must offer for level 2, with a reason for each thing missing. Sourced, not run.
# shellcheck shell=bash

need_root() {
    [ "$(id -u)" = 0 ] || fail 'a node needs root: it makes namespaces, cgroups and a network interface' \
        "sudo env HOME=\"\$HOME\" XDG_CACHE_HOME=\"${XDG_CACHE_HOME:-$HOME/.cache}\" $0 (level 1, api-up, needs none)"
}

need_machine() {
    local command reason
    for command in ip nft unshare nsenter setsid mount openssl flock; do
        command -v "$command" >/dev/null || fail "the program $command is missing" "run $CLUSTER_SRC/build-tools (installs it on Debian), or install nftables, iproute2, util-linux, openssl"
    done
    unshare --net --mount --pid --uts --ipc --fork true 2>/dev/null ||
        fail 'this machine does not let us make namespaces' 'run as real root; in a container give it CAP_SYS_ADMIN and CAP_NET_ADMIN'
    reason=$(unshare --net bash -c '
        ip link add name probe0 type veth peer name probe1 || { echo "veth interfaces (CONFIG_VETH)"; exit; }
        ip link add name probe2 type bridge || { echo "bridges (CONFIG_BRIDGE)"; exit; }
        nft "add table ip t; add chain ip t n { type nat hook postrouting priority 100; }; add rule ip t n masquerade" ||
            { echo "nftables with nat (CONFIG_NF_TABLES, CONFIG_NFT_NAT, CONFIG_NFT_MASQ)"; exit; }' 2>/dev/null)
    [ -z "$reason" ] || fail "the kernel lacks $reason" 'use a kernel that has it (every distribution kernel does)'
    [ -n "$(cgroup_version)" ] || fail 'no cgroup file system at /sys/fs/cgroup' 'mount cgroup2 there'
}

# snapshotter: overlayfs where the state folder can carry it, else plain copies.
snapshotter() {
    local probe=$STATE/overlay-probe
    mkdir -p "$probe"/{lower,upper,work,merged}
    if unshare --mount mount -t overlay -o "lowerdir=$probe/lower,upperdir=$probe/upper,workdir=$probe/work" overlay "$probe/merged" 2>/dev/null; then
        printf overlayfs
    else
        printf native
    fi
    rm -rf "$probe"
}
