# Everything level 2 is made of. Sourced, not run.
# shellcheck shell=bash

for part in progress paths settings requirements cgroup namespaces network pki admission control_plane node policies; do
    # shellcheck source=/dev/null
    . "$(dirname "${BASH_SOURCE[0]}")/$part.sh"
done
unset part
