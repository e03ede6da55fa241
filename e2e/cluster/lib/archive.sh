# An image archive from one static binary, without a container engine. Sourced, not run.
# shellcheck shell=bash

# write_archive OUT NAME BINARY: a docker-archive tar whose entry point is /BINARY's base name.
write_archive() {
    local out=$1 name=$2 binary=$3 work layer config
    work=$(mktemp -d)
    tar -C "$(dirname "$binary")" --owner=0 --group=0 --numeric-owner --mtime=@0 --mode=0755 \
        -cf "$work/layer.tar" "$(basename "$binary")"
    layer=$(sha256sum "$work/layer.tar" | cut -d' ' -f1)
    printf '{"architecture":"%s","os":"linux","config":{"Entrypoint":["/%s"],"User":"65535:65535"},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
        "$(go env GOARCH)" "$(basename "$binary")" "$layer" >"$work/config"
    config=$(sha256sum "$work/config" | cut -d' ' -f1).json
    mv "$work/config" "$work/$config"
    printf '[{"Config":"%s","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$config" "$name" >"$work/manifest.json"
    tar -C "$work" --owner=0 --group=0 --mtime=@0 -cf "$out" manifest.json "$config" layer.tar
    rm -rf "$work"
}
