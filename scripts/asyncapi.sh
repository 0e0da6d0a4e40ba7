#!/usr/bin/env bash
# Holds kafka/asyncapi.yaml, references included, against AsyncAPI 3.0 with AsyncAPI's own parser (npm, pinned).
# Exit code 1 where it has an error. --no-install refuses to fetch the parser.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
may_install=1
[ "${1:-}" != --no-install ] || may_install=0
# shellcheck source=scripts/setup.sh
source "$root/scripts/setup.sh"

need_node

# fetch FOLDER: the parser with exactly the locked versions; no package runs a script.
fetch() {
    mkdir -p "$1.part"
    cp "$root"/scripts/asyncapi/package*.json "$1.part"
    (cd "$1.part" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error >&2) && mv "$1.part" "$1"
}

# The folder is whole or absent, and another one when the lock changes.
home=$target/asyncapi-$(sha256sum "$root/scripts/asyncapi/package-lock.json" | cut -c1-12)
if [ ! -d "$home" ]; then
    rm -rf "$home.part"
    install "AsyncAPI's parser (npm, into $home)" fetch "$home"
fi
# Imports are looked up beside the importing file.
cp "$root/scripts/asyncapi/check.mjs" "$home/"
cd "$root"
node "$home/check.mjs" kafka/asyncapi.yaml
