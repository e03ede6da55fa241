# Level 1: etcd and kube-apiserver as two plain processes of one directory. Sourced, not run.
# shellcheck shell=bash

# api_pid DIR PROGRAM: the running process that api-up started for this directory, if any.
api_pid() {
    local pid
    pid=$(cat "$1/$2.pid" 2>/dev/null) || return 1
    tr '\0' '\n' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -- "$1/" || return 1
    printf '%s' "$pid"
}

# free_port: a loopback port that nobody listens on, below the range the kernel hands out itself.
free_port() {
    local port
    for _ in {1..50}; do
        port=$((15000 + RANDOM % 15000))
        (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { printf '%s' "$port"; return; }
    done
    fail 'found no free port between 15000 and 30000' 'stop what listens on loopback'
}

# start_api DIR PROGRAM ARGS...
start_api() {
    local dir=$1 program=$2
    shift 2
    setsid "$BIN/$program" "$@" >"$dir/$program.log" 2>&1 </dev/null 9>&- &
    printf '%s' "$!" >"$dir/$program.pid"
    disown
}

# QUORATE_API_SERVICES: range of the Services' addresses, where 254 are too few.
# start_etcd DIR; start_apiserver DIR: on fresh ports, written to DIR/ports by the caller.
start_etcd() {
    start_api "$1" etcd --data-dir "$1/etcd" --unsafe-no-fsync --log-level warn --quota-backend-bytes 8589934592 \
        --listen-client-urls "http://127.0.0.1:$ETCD_PORT" --advertise-client-urls "http://127.0.0.1:$ETCD_PORT" \
        --listen-peer-urls "http://127.0.0.1:$ETCD_PEER_PORT" \
        --initial-advertise-peer-urls "http://127.0.0.1:$ETCD_PEER_PORT" \
        --initial-cluster "default=http://127.0.0.1:$ETCD_PEER_PORT"
}

# What requests of service accounts use is logged, to be compared with what is granted. QUORATE_API_ADMISSION: more admission plugins.
start_apiserver() {
    write_if_changed "$1/audit-policy.yaml" <<END
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {level: Metadata, userGroups: ["system:serviceaccounts"]}
  - {level: None}
END
    start_api "$1" kube-apiserver --etcd-servers "http://127.0.0.1:$ETCD_PORT" \
        --bind-address 127.0.0.1 --secure-port "$API_PORT" --endpoint-reconciler-type none \
        --service-cluster-ip-range "${QUORATE_API_SERVICES:-10.0.0.0/24}" --authorization-mode RBAC --disable-admission-plugins ServiceAccount \
        ${QUORATE_API_ADMISSION:+--enable-admission-plugins "$QUORATE_API_ADMISSION"} \
        --audit-policy-file "$1/audit-policy.yaml" --audit-log-path "$1/audit.log" --audit-log-maxsize 500 --audit-log-maxbackup 1 \
        --client-ca-file "$1/pki/ca.crt" --tls-cert-file "$1/pki/apiserver.crt" --tls-private-key-file "$1/pki/apiserver.key" \
        --service-account-issuer https://kubernetes.default.svc.cluster.local \
        --service-account-key-file "$1/pki/sa.pub" --service-account-signing-key-file "$1/pki/sa.key"
}

api_ready() { "$BIN/kubectl" --kubeconfig "$1/kubeconfig" --request-timeout 2s get --raw /readyz >/dev/null 2>&1; }

# stop_api DIR: at once; nothing here needs a clean stop, and a clean one takes the API server 10 s.
stop_api() {
    local program pid
    for program in kube-apiserver etcd; do
        if pid=$(api_pid "$1" "$program"); then
            kill -9 "$pid"
            while [ -e "/proc/$pid/exe" ] && [ -n "$(tr -d '\0' <"/proc/$pid/cmdline" 2>/dev/null)" ]; do sleep 0.02; done
        fi
        rm -f "$1/$program.pid"
    done
}
