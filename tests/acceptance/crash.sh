#!/usr/bin/env bash
# Kills a run N times (default 50), half of them at append and apply edges, half at random, and goes on each time:
# nothing that was seen may be lost, nothing may be doubled, and every history must verify.
set -euo pipefail
# shellcheck source=tests/acceptance/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

kills=${1:-50}
RANDOM=${CRASH_SEED:-37}
state=$scratch/state
boundaries=(before_append appended applied)
declare -A met

go() {
    exec "$move37" run --config "$root/tests/acceptance/tiny.toml" --experiments 400 --state "$state" --json \
        >"$scratch/out.jsonl" 2>"$scratch/err.txt"
}

# ids FILE: the ids of the facts in it.
ids() { grep -o '"id":"[^"]*"' "$1" | sort -u; }

for ((kill = 1; kill <= kills; kill++)); do
    if ((kill % 2)); then
        boundary=${boundaries[RANDOM % 3]}
        edge=$((1 + RANDOM % 60)):$boundary
        (export MOVE37_CRASH_AT=$edge && go) &
        pid=$!
        # The run ends itself; the limit is for an edge that is never reached.
        for ((wait = 0; wait < 600; wait++)); do kill -0 $pid 2>/dev/null && sleep 0.1 || break; done
        kill -0 $pid 2>/dev/null && fail "the edge $edge was not reached within a minute"
        status=0
        wait $pid || status=$?
        [ $status = 134 ] || fail "at the edge $edge the run ended with exit code $status: $(cat "$scratch/err.txt")"
        met[$boundary]=$((${met[$boundary]:-0} + 1))
    else
        go &
        pid=$!
        sleep "$((RANDOM % 3)).$((RANDOM % 10))"
        kill -9 $pid || fail "the run ended by itself: $(tail -n 2 "$scratch/out.jsonl") $(cat "$scratch/err.txt")"
        wait $pid || true
        met[random]=$((${met[random]:-0} + 1))
    fi
    [ -e "$state/log.db" ] || continue
    "$move37" tail --from start --no-follow --json --state "$state" >"$scratch/facts.jsonl"
    lost=$(comm -23 <(ids "$scratch/out.jsonl") <(ids "$scratch/facts.jsonl") | head -n 3)
    [ -z "$lost" ] || fail "after kill $kill these facts, which had been seen, are gone: $lost"
    [ -s "$scratch/facts.jsonl" ] || continue
    replay=$("$move37" replay --verify --json --state "$state") || fail "after kill $kill: $replay"
done

for fact in parent.sampled hypothesis.proposed candidate.admitted training.completed insight.recorded experiment.recorded; do
    # A verification completes a training at every look.
    doubled=$(grep "\"type\":\"move37.$fact.v1\"" "$scratch/facts.jsonl" | grep -v '"stage":"verify"' | grep -o '"experiment":[0-9]*,"id"' | sort | uniq -d)
    [ -z "$doubled" ] || fail "$fact is there twice for $doubled"
done
say "ok: no experiment has a hypothesis, admission, result, insight or end twice"
for how in "${!met[@]}"; do say "killed ${met[$how]} times: $how"; done

"$move37" campaign stop campaign-1 --state "$state" >/dev/null
"$move37" run --state "$state" >"$scratch/end.txt" 2>&1 || [ $? = 1 ] || fail "the stopped campaign was not closed: $(cat "$scratch/end.txt")"
replay=$("$move37" replay --verify --json --state "$state") || fail "at the end: $replay"
say "replay: $replay"
have "after $kills kills the history verifies" test "$(field verified <<<"$replay")" = true
have "the campaign is closed" grep -q '"phase":"stopped"' <<<"$("$move37" campaign list --json --state "$state")"
