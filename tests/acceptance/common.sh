# Sourced by the acceptance scripts: a built binary, a scratch directory, and checks that say what they saw.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
move37=${MOVE37:-$target/debug/move37}
[ -x "$move37" ] || cargo build --locked --quiet --manifest-path "$root/Cargo.toml" -p move37

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

say() { printf '%s\n' "$*"; }
fail() { printf 'FAILED: %s\n' "$*" && exit 1; }
# have WHAT COMMAND..: says that something holds, or fails.
have() {
    local what=$1
    shift
    "$@" || fail "$what"
    say "ok: $what"
}
# field NAME: the first value of that name in a line of JSON.
field() { grep -o "\"$1\":[^,}]*" | head -n 1 | cut -d: -f2- | tr -d '"'; }
