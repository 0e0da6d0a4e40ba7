#!/usr/bin/env bash
# A store of baselines: a campaign of no experiments is interrupted, goes on, ends by itself after its seed programs, and
# `baselines` tells every run of it.
set -euo pipefail
# shellcheck source=tests/acceptance/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

state=$scratch/state
run() { exec "$move37" run --config "$root/tests/acceptance/tiny.toml" --experiments 0 --seeds 5 --state "$state" --json; }
completed() { "$move37" tail --from start --no-follow --json --state "$state" | grep -c '"type":"move37.run.completed.v1"' || true; }

run >"$scratch/part.jsonl" 2>&1 &
pid=$!
for ((wait = 0; wait < 600; wait++)); do
    [ -e "$state/log.db" ] && [ "$(completed)" -ge 2 ] && break
    kill -0 $pid 2>/dev/null || fail "the run ended by itself: $(tail -n 3 "$scratch/part.jsonl")"
    sleep 0.1
done
kill -INT $pid
status=0
wait $pid || status=$?
[ $status = 1 ] || fail "interrupted, the run ended with exit code $status: $(tail -n 3 "$scratch/part.jsonl")"
before=$(completed)
say "ok: interrupted after $before runs"

(run) >"$scratch/rest.jsonl" || fail "the rest ended with exit code $?: $(tail -n 3 "$scratch/rest.jsonl")"
have "it finished" test "$(tail -n 1 "$scratch/rest.jsonl" | field phase)" = finished
have "it did no experiment" test "$(tail -n 1 "$scratch/rest.jsonl" | field experiments)" = 0
programs=$(tail -n 1 "$scratch/rest.jsonl" | field seed_programs)
have "five runs of each of $programs seed programs" test "$(completed)" = $((5 * programs))

"$move37" baselines --state "$state"
"$move37" baselines --state "$state" --json >"$scratch/values.json"
values=$(grep -o '"values":\[[^]]*\]' "$scratch/values.json" | grep -c '\[\([^,]*,\)\{4\}[^,]*\]' || true)
have "five values of each ($values programs)" test "$values" = "$programs"
say "baselines: all as it should be"
