#!/usr/bin/env bash
# First program inside a new set of namespaces: gives it private /run, /var/lib and /var/log, then waits and reaps.
# usage: inside.sh STATE SET BIN
set -euo pipefail
state=$1 name=$2 bin=$3
own=$state/$name

echo "$name" >/proc/sys/kernel/hostname
mkdir -p "$own"/{lib,log,run,logs} "$state/volumes"
# Everything below has one fixed path inside, so that no configuration depends on where the repository lies.
mount -t tmpfs -o mode=755 tmpfs "$own/run"
mkdir -p "$own"/run/q/{state,bin,sysctl}
mount --bind "$state" "$own/run/q/state"
mount --bind "$bin" "$own/run/q/bin"
mount -n --move "$own/run" /run
mount --bind "/run/q/state/$name/lib" /var/lib
mount --bind "/run/q/state/$name/log" /var/log
mkdir -p /var/lib/pv
mount --bind /run/q/state/volumes /var/lib/pv
# The kubelet sets these for the whole machine: give it copies to write to.
for setting in vm/overcommit_memory vm/panic_on_oom kernel/panic kernel/panic_on_oops kernel/keys/root_maxkeys kernel/keys/root_maxbytes; do
    copy=/run/q/sysctl/${setting//\//.}
    cat "/proc/sys/$setting" >"$copy"
    mount --bind "$copy" "/proc/sys/$setting"
done
mount --make-rshared /
ip link set lo up
touch /run/q/ready
exec /run/q/bin/pause "$state" "$name"
