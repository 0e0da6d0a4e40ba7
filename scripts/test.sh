#!/usr/bin/env bash
# Runs every check: format, lints, tests, licences, generated files, and a small campaign from end to end.
# Each step has a time limit; the end shows how long each took. --no-install refuses to install missing tools.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
may_install=1
for argument in "$@"; do
    case $argument in
    --no-install) may_install=0 ;;
    *) echo "usage: bash scripts/test.sh [--no-install]" >&2 && exit 2 ;;
    esac
done
# shellcheck source=scripts/setup.sh
source "$root/scripts/setup.sh"
cd "$root" || exit 3

need_c_compiler
need_make
need_openssl
need_java
need_maven
need_rust
need_python
need_node
need_cargo_deny
mkdir -p "$target"
output=$target/test-output.txt
report=()
failed=0

# step NAME MINUTES COMMAND..: runs it under a limit, keeps its time and verdict.
step() {
    local name=$1 minutes=$2 begun=$SECONDS status
    shift 2
    printf '\n== %s\n' "$name"
    timeout --kill-after=10 "${minutes}m" "$@"
    status=$?
    [ $status = 0 ] || failed=1
    report+=("$(printf '%-28s %5d s  %s' "$name" $((SECONDS - begun)) "$(verdict $status)")")
}

verdict() {
    case $1 in 0) echo ok ;; 124 | 137) echo "FAILED: over its time limit" ;; *) echo "FAILED: exit $1" ;; esac
}

tests() { cargo test --workspace --locked --no-fail-fast 2>&1 | tee "$output"; }
export -f tests
export output

step "format" 2 cargo fmt --all --check
step "lints" 20 cargo clippy --workspace --all-targets --locked --quiet -- -D warnings
step "tests" 40 bash -o pipefail -c tests
step "licences, bans, sources" 5 "$cargo_deny" check licenses bans sources
step "build of the commands" 20 cargo build --locked --quiet --workspace --bins
step "generated files" 2 bash scripts/generate.sh --check
step "AsyncAPI" 3 bash scripts/asyncapi.sh
step "consumers in Python" 5 bash scripts/python.sh
step "a campaign from end to end" 15 bash tests/acceptance/loop.sh --config tests/acceptance/tiny.toml
step "hostile texts" 5 "$target/debug/hostile" --inputs 3000 --seed 1 --out "$target/hostile"
step "candidates" 10 bash tests/acceptance/candidates.sh
step "bad input" 5 bash tests/acceptance/bad-input.sh
step "kill -9, four times" 10 bash tests/acceptance/crash.sh 4
step "trainings are repeatable" 5 bash tests/acceptance/belief.sh
step "a training goes on" 5 bash tests/acceptance/resume.sh 1
step "a store of baselines" 5 bash tests/acceptance/baselines.sh
step "on Kafka, each one killed" 15 bash tests/acceptance/kafka.sh --small
step "faults on Kafka" 10 "$target/debug/chaos" --no-build --kills 8 --acts 8 --seed 1

printf '\n== time\n'
printf '%s\n' "${report[@]}"
passed=$(awk '/^test result:/ { n += $4 } END { print n + 0 }' "$output")
broken=$(awk '/^test result:/ { n += $6 } END { print n + 0 }' "$output")
printf '%-28s %5d s\n\n' "all" "$SECONDS"
printf 'tests: %d passed, %d failed\n' "$passed" "$broken"
exit $failed
