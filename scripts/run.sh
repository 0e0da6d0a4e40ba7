#!/usr/bin/env bash
# Builds Move37 and runs a campaign: all arguments but --no-install go to `move37 run`.
# Example: bash scripts/run.sh --experiments 6 --seed 7
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
may_install=1
arguments=()
for argument in "$@"; do
    if [ "$argument" = --no-install ]; then may_install=0; else arguments+=("$argument"); fi
done
# shellcheck source=scripts/setup.sh
source "$root/scripts/setup.sh"

build_move37
exec "$move37" run "${arguments[@]}"
