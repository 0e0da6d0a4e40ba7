#!/usr/bin/env bash
# Interrupts a run in the middle of a training (default 3 times) and goes on each time: the training must go on from its
# checkpoint, and the campaign must decide what an uninterrupted one decides.
set -euo pipefail
# shellcheck source=tests/acceptance/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

times=${1:-3}
whole=$scratch/whole state=$scratch/state
# Long enough to be met in the middle of a training.
sed 's/^steps = .*/steps = 2500/' "$root/tests/acceptance/tiny.toml" >"$scratch/campaign.toml"
run() { exec "$move37" run --config "$scratch/campaign.toml" --experiments 1 --seed 7 --json "$@"; }
verified() { "$move37" replay --verify --json --state "$1"; }
facts() { "$move37" tail --from start --no-follow --json --state "$state"; }
# count TYPE: how many facts of this type there are.
count() { facts | grep -c "\"type\":\"move37.$1.v1\"" || true; }

say "running without interruption .."
(run --state "$whole") >"$scratch/whole.jsonl" || fail "the run ended with exit code $?: $(tail -n 3 "$scratch/whole.jsonl")"

for ((time = 1; time <= times; time++)); do
    before=0
    [ -e "$state/log.db" ] && before=$(count metrics.recorded)
    run --state "$state" >"$scratch/part.jsonl" 2>&1 &
    pid=$!
    # Two signs of a training that goes on, beyond those of earlier parts.
    for ((wait = 0; wait < 600; wait++)); do
        [ -e "$state/log.db" ] && [ "$(count metrics.recorded)" -ge $((before + 2)) ] && break
        kill -0 $pid 2>/dev/null || fail "the run ended by itself: $(tail -n 3 "$scratch/part.jsonl")"
        sleep 0.1
    done
    kill -INT $pid
    status=0
    wait $pid || status=$?
    [ $status = 1 ] || fail "interrupted, the run ended with exit code $status: $(tail -n 3 "$scratch/part.jsonl")"
    saved=$(count checkpoint.saved)
    [ "$saved" -ge "$time" ] || fail "interruption $time left no checkpoint"
    say "ok: interruption $time left a checkpoint ($saved so far)"
done
(run --state "$state") >"$scratch/rest.jsonl" || fail "the rest ended with exit code $?: $(tail -n 3 "$scratch/rest.jsonl")"

resumed=$(facts | grep '"type":"move37.run.dispatched.v1"' | grep -c '"resume":{' || true)
have "trainings went on from checkpoints ($resumed dispatches)" test "$resumed" -ge "$times"
one=$(verified "$whole") && two=$(verified "$state") || fail "replay: $one $two"
say "replay: $two"
have "the interrupted history verifies" test "$(field verified <<<"$two")" = true
have "it decided what the uninterrupted one did" \
    test "$(field decisions_hash <<<"$one")" = "$(field decisions_hash <<<"$two")"
say "resume: all as it should be"
