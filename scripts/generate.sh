#!/usr/bin/env bash
# Writes the files that are made from the code; with --check it says whether they are up to date instead.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
move37=${CARGO_TARGET_DIR:-$root/target}/debug/move37
schema=$root/services/move37/campaign.schema.json

if [ "${1:-}" = --check ]; then
    diff "$schema" <("$move37" config schema) || {
        echo "error: ${schema#"$root"/} is out of date" >&2
        echo "next: run scripts/generate.sh and commit what it changes" >&2
        exit 1
    }
    echo "generated files are up to date"
else
    "$move37" config schema >"$schema"
fi
