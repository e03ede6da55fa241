# How the cluster's programs are compiled; part of the cache's hash. Sourced, not run.
# shellcheck shell=bash

NODE_PACKAGES=(
    ./kube ./coredns ./addons
    github.com/containerd/containerd/v2/cmd/containerd
    github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2
    github.com/containerd/containerd/v2/cmd/ctr
    github.com/containernetworking/plugins/plugins/main/ptp
    github.com/containernetworking/plugins/plugins/main/loopback
    github.com/containernetworking/plugins/plugins/ipam/host-local
    helm.sh/helm/v4/cmd/helm
)
KUBE_PROGRAMS=(etcd kube-apiserver kube-controller-manager kube-scheduler kubelet kube-proxy kubectl)
PAUSE_IMAGE=localhost/pause:3.10

module_version() { go list -m -f '{{.Version}}' "$1"; }

# link_flags: versions as the programs print them; -X for a package that a program lacks is ignored.
link_flags() {
    local kubernetes containerd helm package
    kubernetes=$(module_version k8s.io/kubernetes)
    containerd=$(module_version github.com/containerd/containerd/v2)
    helm=$(module_version helm.sh/helm/v4)
    printf '%s' '-s -w'
    for package in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
        printf ' -X %s.%s' "$package" "gitVersion=$kubernetes" "$package" gitMajor=1 \
            "$package" "gitMinor=$(cut -d. -f2 <<<"$kubernetes")" "$package" gitTreeState=clean
    done
    printf ' -X %s' "github.com/containerd/containerd/v2/version.Version=$containerd" \
        "helm.sh/helm/v4/internal/version.version=$helm"
}

# build_node_tools OUT: everything a cluster runs, into OUT.
build_node_tools() {
    local out=$1 flags
    mkdir -p "$out/cni"
    flags=$(link_flags)
    CGO_ENABLED=0 go build -v -trimpath -tags 'no_btrfs no_devmapper no_zfs' -ldflags "$flags" \
        -o "$out/" "${NODE_PACKAGES[@]}"
    CGO_ENABLED=1 go build -v -trimpath -tags 'seccomp osusergo netgo' -ldflags '-s -w -extldflags -static' \
        -o "$out/" github.com/opencontainers/runc
    mv "$out/ptp" "$out/loopback" "$out/host-local" "$out/cni/"
    local program
    for program in "${KUBE_PROGRAMS[@]}"; do ln -sf kube "$out/$program"; done
    gcc -Os -static -DVERSION=3.10 -o "$out/pause" \
        "$(go list -m -f '{{.Dir}}' k8s.io/kubernetes)/build/pause/linux/pause.c"
    write_archive "$out/pause.tar" "$PAUSE_IMAGE" "$out/pause"
}

# build_chart_tools OUT: the runner of the chart's unit tests. Its own module: it embeds another Helm.
build_chart_tools() {
    CGO_ENABLED=0 go build -v -trimpath -ldflags '-s -w' -o "$1/helm-unittest" github.com/helm-unittest/helm-unittest/cmd/helm-unittest
}
