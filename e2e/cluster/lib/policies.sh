# NetworkPolicy objects enforced on every node, once the state holds a program that does it. Sourced, not run.
# shellcheck shell=bash

# install_policies: the program that QUORATE_CLUSTER_POLICIES names, kept for every later `up`.
install_policies() {
    local program=${QUORATE_CLUSTER_POLICIES:-}
    [ -n "$program" ] || return 0
    [ -x "$program" ] || fail "QUORATE_CLUSTER_POLICIES is '$program', which is no program" 'give the path of the built enforce-policies'
    mkdir -p "$STATE/programs"
    cmp -s "$program" "$STATE/programs/enforce-policies" || install -m 755 "$program" "$STATE/programs/enforce-policies"
}

enforces_policies() { [ -x "$STATE/programs/enforce-policies" ]; }

# start_policies I
start_policies() {
    ! enforces_policies || start "node-$1" enforce-policies "$PKI/policies.conf" "node-$1"
}

policies_in_force() { in_set "node-$1" nft list table ip network-policies; }
