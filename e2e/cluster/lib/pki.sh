# Certificates and kubeconfigs (EC P-256, reusable between runs). Sourced, not run.
# shellcheck shell=bash

PKI_DAYS=3650

# make_ca DIR
make_ca() {
    [ -s "$1/ca.crt" ] && return
    mkdir -p "$1" && chmod 700 "$1"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "$PKI_DAYS" \
        -keyout "$1/ca.key" -out "$1/ca.crt" -subj /CN=quorate-cluster-ca \
        -addext 'keyUsage=critical,keyCertSign,cRLSign' 2>/dev/null
    openssl genrsa -out "$1/sa.key" 2048 2>/dev/null
    openssl pkey -in "$1/sa.key" -pubout -out "$1/sa.pub"
}

# make_cert DIR NAME SUBJECT [SAN]: a server certificate if SAN is given, else a client one.
make_cert() {
    local dir=$1 name=$2 subject=$3 san=${4:-} usage=clientAuth
    [ -s "$dir/$name.crt" ] && [ "$(cat "$dir/$name.for" 2>/dev/null)" = "$subject $san" ] && return
    [ -z "$san" ] || usage=serverAuth,clientAuth
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
        -keyout "$dir/$name.key" -out "$dir/$name.csr" -subj "$subject" 2>/dev/null
    {
        echo "basicConstraints=critical,CA:FALSE"
        echo "keyUsage=critical,digitalSignature"
        echo "extendedKeyUsage=$usage"
        [ -z "$san" ] || echo "subjectAltName=$san"
    } >"$dir/$name.ext"
    openssl x509 -req -in "$dir/$name.csr" -CA "$dir/ca.crt" -CAkey "$dir/ca.key" -days "$PKI_DAYS" \
        -set_serial "0x$(openssl rand -hex 8)" -extfile "$dir/$name.ext" -out "$dir/$name.crt" 2>/dev/null
    rm -f "$dir/$name.csr" "$dir/$name.ext"
    echo "$subject $san" >"$dir/$name.for"
}

# make_kubeconfig DIR NAME SERVER OUT: with the certificates inside, so that the file can be copied.
make_kubeconfig() {
    local dir=$1 name=$2 server=$3 out=$4
    write_if_changed "$out" <<EOF
apiVersion: v1
kind: Config
clusters: [{name: quorate, cluster: {server: "$server", certificate-authority-data: $(base64 -w0 "$dir/ca.crt")}}]
users: [{name: $name, user: {client-certificate-data: $(base64 -w0 "$dir/$name.crt"), client-key-data: $(base64 -w0 "$dir/$name.key")}}]
contexts: [{name: quorate, context: {cluster: quorate, user: $name}}]
current-context: quorate
EOF
    chmod 600 "$out"
}

# write_if_changed FILE: kube-proxy stops when its file is rewritten, even with the same text.
write_if_changed() {
    local text
    text=$(cat)
    [ -f "$1" ] && [ "$text" = "$(cat "$1")" ] && return
    mkdir -p "$(dirname "$1")"
    printf '%s\n' "$text" >"$1"
}
