# One node: container runtime, kubelet, kube-proxy, with their configuration. Sourced, not run.
# shellcheck shell=bash

# Start time of each kubelet that this run started.
KUBELET_SINCE=()

configure_node() {
    local i=$1
    configure_runtime "$i"
    configure_kubelet "$i"
    write_if_changed "$STATE/node-$i/etc/proxy.yaml" <<EOF
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
hostnameOverride: node-$i
clientConnection: {kubeconfig: /run/q/state/pki/kube-proxy.conf}
clusterCIDR: $POD_RANGE
# The table of connections belongs to the machine: it cannot be resized from here.
conntrack: {maxPerCore: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
EOF
}

configure_runtime() {
    local i=$1 own=/run/q/state/node-$1
    write_if_changed "$STATE/node-$i/etc/cni/10-net.conflist" <<EOF
{"cniVersion": "1.0.0", "name": "net", "plugins": [{"type": "ptp", "ipMasq": false,
 "ipam": {"type": "host-local", "dataDir": "/run/cni-ipam", "ranges": [[{"subnet": "$(node_pods "$i")"}]],
 "routes": [{"dst": "0.0.0.0/0"}]}}]}
EOF
    write_if_changed "$STATE/node-$i/etc/containerd.toml" <<EOF
version = 3
root = "$own/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri"]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.cri.v1.images"]
  snapshotter = "$SNAPSHOTTER"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "localhost/pause:3.10"
[plugins."io.containerd.cri.v1.runtime"]
  # Root without CAP_SYS_RESOURCE may not lower a score.
  restrict_oom_score_adj = true
  # A profile would be loaded into the machine and stay there.
  disable_apparmor = true
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
        BinaryName = "/run/q/bin/runc"
        SystemdCgroup = false
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/run/q/bin/cni"]
    conf_dir = "$own/etc/cni"
EOF
}

configure_kubelet() {
    local i=$1 v1=
    # The kubelet refuses cgroup v1 unless told otherwise.
    [ "$(cgroup_version)" = 2 ] || v1='failCgroupV1: false'
    write_if_changed "$STATE/node-$i/etc/kubelet.yaml" <<EOF
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: /run/q/state/pki/ca.crt}}
authorization: {mode: Webhook}
cgroupDriver: cgroupfs
cgroupRoot: /$NAME/node-$i
failSwapOn: false
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
clusterDomain: cluster.local
clusterDNS: [$DNS_IP]
resolvConf: ""
# A full disk or memory of the machine is not the cluster's to clean up.
evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%", imagefs.inodesFree: "0%"}
imageGCHighThresholdPercent: 100
volumePluginDir: /var/lib/kubelet/volumeplugins
nodeStatusUpdateFrequency: 2s
$v1
EOF
}

start_runtime() {
    make_cgroup "$NAME" "node-$1"
    start "node-$1" containerd --config "/run/q/state/node-$1/etc/containerd.toml"
    wait_for 20 "container runtime of node-$1" "$(log_of "node-$1" containerd)" in_runtime "$1" version
    [ -n "$(in_runtime "$1" images list -q "name==localhost/pause:3.10" 2>/dev/null)" ] ||
        import_image "$1" "$BIN/pause.tar" || fail "node-$1 did not take the pause image" "see $(log_of "node-$1" import)"
}

in_runtime() { in_set "node-$1" ctr -a /run/containerd/containerd.sock -n k8s.io "${@:2}"; }

# import_image I ARCHIVE: through standard input, as the path may mean something else inside. Layers are kept unpacked only.
import_image() { in_runtime "$1" images import --local --discard-unpacked-layers - <"$2" >"$(log_of "node-$1" import)" 2>&1; }

start_node() {
    local i=$1
    runs "node-$i" kubelet || KUBELET_SINCE[i]=$(date -u +%FT%TZ)
    start "node-$i" kubelet --config "/run/q/state/node-$i/etc/kubelet.yaml" --kubeconfig "/run/q/state/pki/node-$i.conf" \
        --root-dir /var/lib/kubelet --cert-dir /var/lib/kubelet/pki --hostname-override "node-$i" --node-ip "$(node_ip "$i")"
    start "node-$i" kube-proxy --config "/run/q/state/node-$i/etc/proxy.yaml"
}

# node_ready I: by a heartbeat since the kubelet's start; an older word may be from before a power cycle.
node_ready() {
    local condition
    runs "node-$1" kubelet && runs "node-$1" kube-proxy || return
    condition=$(kube get node "node-$1" -o 'jsonpath={range .status.conditions[?(@.type=="Ready")]}{.status} {.lastHeartbeatTime}{end}')
    [ "${condition% *}" = True ] && [[ ! ${condition#* } < ${KUBELET_SINCE[$1]:-} ]]
}
