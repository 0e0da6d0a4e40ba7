#!/usr/bin/env bash
# Figures: the gate's time on each published design, what an experiment costs besides training, and the share of a
# finished campaign's wall time that was not training. Arguments go to `move37 bench`.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
may_install=0
# shellcheck source=scripts/setup.sh
source "$root/scripts/setup.sh"

build_move37
exec "$move37" bench "$@"
