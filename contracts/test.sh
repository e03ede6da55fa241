#!/bin/sh
# Checks that artifacts/ is what src/ compiles to, then runs the contract tests on those artifacts.
set -eu
cd "$(dirname "$0")"
state=$(cat src/*.sol compile.js package-lock.json artifacts/* | sha256sum)
if [ "$state" != "$(cat node_modules/.checked 2>/dev/null || true)" ]; then
  ./build --check
  echo "$state" > node_modules/.checked
fi
forge=node_modules/@foundry-rs/forge-linux-amd64/bin/forge
if [ ! -x "$forge" ]; then
  echo "contracts: forge is pinned for Linux on x86-64 only, and is not here; the contract tests need such a machine" >&2
  exit 1
fi
exec "$forge" test --offline --use ./solc-from-npm "$@"
