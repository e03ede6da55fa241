# The cgroups below which a node's pods run: NAME/node-I, in each hierarchy of v1 or in the one of v2. Sourced, not run.
# shellcheck shell=bash

cgroup_version() {
    if [ -f /sys/fs/cgroup/cgroup.controllers ]; then printf 2; elif [ -d /sys/fs/cgroup/memory ]; then printf 1; fi
}

# cgroup_dirs PATH: that path in every hierarchy.
cgroup_dirs() {
    if [ "$(cgroup_version)" = 2 ]; then
        printf '%s\n' "/sys/fs/cgroup/$1"
    else
        local hierarchy
        for hierarchy in /sys/fs/cgroup/*/; do
            [ -L "${hierarchy%/}" ] || printf '%s\n' "$hierarchy$1"
        done
    fi
}

# make_cgroup PARENT CHILD
make_cgroup() {
    local dir file
    if [ "$(cgroup_version)" = 2 ]; then
        mkdir -p "/sys/fs/cgroup/$1/$2"
        for dir in /sys/fs/cgroup "/sys/fs/cgroup/$1"; do
            # One by one: a controller that the machine lacks must not take the others along.
            for file in cpuset cpu io memory pids hugetlb; do
                echo "+$file" >"$dir/cgroup.subtree_control" || true
            done 2>/dev/null
        done
        grep -qw memory "/sys/fs/cgroup/$1/$2/cgroup.controllers" ||
            fail 'the memory controller cannot be delegated below /sys/fs/cgroup' 'run outside a container, or with --cgroupns=host and a writable /sys/fs/cgroup'
        return
    fi
    while read -r dir; do
        case $dir in */unified/*) continue ;; esac
        mkdir -p "$dir/$2" || fail "cannot make $dir/$2" 'a writable /sys/fs/cgroup is needed'
        # A new v1 cpuset is empty, and nothing may run in an empty one.
        if [ -f "$dir/cpuset.cpus" ]; then
            for file in cpuset.cpus cpuset.mems; do
                cat "$(dirname "$dir")/$file" >"$dir/$file"
                cat "$dir/$file" >"$dir/$2/$file"
            done
        fi
    done < <(cgroup_dirs "$1")
}

# remove_cgroup PATH: with all below it; processes killed just now may hold it a moment longer.
remove_cgroup() {
    local dir start=$SECONDS left
    while :; do
        left=
        while read -r dir; do
            [ -d "$dir" ] || continue
            find "$dir" -depth -type d -exec rmdir {} + 2>/dev/null || true
            [ ! -d "$dir" ] || left=$dir
        done < <(cgroup_dirs "$1")
        [ -n "$left" ] || return 0
        ((SECONDS - start < 10)) || fail "$left cannot be removed: $(find "$left" -name cgroup.procs -exec cat {} + 2>/dev/null | wc -l) processes are in it" \
            'end them and run down again'
        sleep 0.05
    done
}
