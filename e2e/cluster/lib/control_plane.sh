# The programs of `cp`: etcd, API server, controllers, scheduler, DNS, addons. Sourced, not run.
# shellcheck shell=bash

PKI=/run/q/state/pki

# make_credentials: one certificate authority for everything, one identity per program.
make_credentials() {
    local pki=$STATE/pki server=https://$CP_IP:6443 name
    make_ca "$pki"
    make_cert "$pki" apiserver /CN=kube-apiserver "DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,DNS:localhost,IP:$API_SERVICE_IP,IP:$CP_IP,IP:127.0.0.1"
    make_cert "$pki" admin /O=system:masters/CN=admin
    make_cert "$pki" kubelet-client /O=system:masters/CN=kube-apiserver-kubelet-client
    make_cert "$pki" front-proxy /CN=front-proxy
    for name in kube-controller-manager kube-scheduler kube-proxy; do
        make_cert "$pki" "$name" "/CN=system:$name"
    done
    make_cert "$pki" coredns /CN=quorate:coredns
    make_cert "$pki" addons /CN=quorate:addons
    make_cert "$pki" policies /CN=quorate:policies
    for_nodes node_certificate
    for name in admin kube-controller-manager kube-scheduler kube-proxy coredns addons policies; do
        make_kubeconfig "$pki" "$name" "$server" "$pki/$name.conf"
    done
    make_kubeconfig "$pki" admin "$server" "$STATE/kubeconfig"
}

node_certificate() {
    make_cert "$STATE/pki" "node-$1" "/O=system:nodes/CN=system:node:node-$1"
    make_kubeconfig "$STATE/pki" "node-$1" "https://$CP_IP:6443" "$STATE/pki/node-$1.conf"
}

start_api_server() {
    start cp etcd --data-dir /run/q/state/cp/etcd --unsafe-no-fsync --log-level warn \
        --listen-client-urls http://127.0.0.1:2379 --advertise-client-urls http://127.0.0.1:2379 \
        --listen-peer-urls http://127.0.0.1:2380
    start cp kube-apiserver --etcd-servers http://127.0.0.1:2379 --advertise-address "$CP_IP" --secure-port 6443 \
        --service-cluster-ip-range "$SERVICE_RANGE" --authorization-mode Node,RBAC \
        --enable-admission-plugins NodeRestriction --allow-privileged=true \
        --admission-control-config-file /run/q/state/cp/etc/admission.yaml \
        --audit-policy-file /run/q/state/cp/etc/audit.yaml --audit-log-path /run/q/state/cp/logs/audit.log \
        --client-ca-file $PKI/ca.crt --tls-cert-file $PKI/apiserver.crt --tls-private-key-file $PKI/apiserver.key \
        --kubelet-client-certificate $PKI/kubelet-client.crt --kubelet-client-key $PKI/kubelet-client.key \
        --kubelet-preferred-address-types InternalIP \
        --requestheader-client-ca-file $PKI/ca.crt --requestheader-allowed-names front-proxy \
        --requestheader-username-headers X-Remote-User --requestheader-group-headers X-Remote-Group \
        --requestheader-extra-headers-prefix X-Remote-Extra- \
        --service-account-issuer https://kubernetes.default.svc.cluster.local \
        --service-account-key-file $PKI/sa.pub --service-account-signing-key-file $PKI/sa.key
}

start_controllers() {
    start cp kube-controller-manager --kubeconfig $PKI/kube-controller-manager.conf \
        --authentication-kubeconfig $PKI/kube-controller-manager.conf --authorization-kubeconfig $PKI/kube-controller-manager.conf \
        --use-service-account-credentials=true --service-account-private-key-file $PKI/sa.key --root-ca-file $PKI/ca.crt \
        --cluster-signing-cert-file $PKI/ca.crt --cluster-signing-key-file $PKI/ca.key \
        --leader-elect=false --node-monitor-grace-period 10s
    start cp kube-scheduler --kubeconfig $PKI/kube-scheduler.conf --authentication-kubeconfig $PKI/kube-scheduler.conf \
        --authorization-kubeconfig $PKI/kube-scheduler.conf --leader-elect=false
}

start_services() {
    write_if_changed "$STATE/cp/Corefile" <<EOF
.:53 {
    bind $CP_IP
    ready $CP_IP:8181
    errors
    kubernetes cluster.local {
        kubeconfig $PKI/coredns.conf quorate
        ttl 5
    }
    cache 5
    loadbalance
}
EOF
    start cp coredns -conf /run/q/state/cp/Corefile
    start cp addons --kubeconfig $PKI/addons.conf --addresses "$LB_RANGE" --volumes /var/lib/pv
}

# apply_manifests: what every cluster has: DNS Service, default StorageClass, rights of our two programs.
apply_manifests() {
    sed "s/@DNS_IP@/$DNS_IP/; s/@CP_IP@/$CP_IP/" "$CLUSTER_SRC"/manifests/*.yaml |
        kube apply --server-side --field-manager quorate-cluster -f - >"$(log_of cp manifests)" 2>&1 ||
        { tail_of "$(log_of cp manifests)"; fail 'the cluster refused its own first objects' "see $(log_of cp manifests)"; }
}

kube() { "$BIN/kubectl" --kubeconfig "$STATE/kubeconfig" "$@"; }
api_answers() { kube --request-timeout 2s get --raw /readyz; }
dns_answers() { (exec 3<>"/dev/tcp/$CP_IP/8181"; printf 'GET /ready HTTP/1.0\r\n\r\n' >&3; grep -q ' 200 ' <&3); }
has_service_account() { kube get serviceaccount default; }
