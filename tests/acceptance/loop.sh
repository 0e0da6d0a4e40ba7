#!/usr/bin/env bash
# The loop from end to end: a campaign of six experiments, replayed, repeated and explained.
# Arguments are added to both runs: `loop.sh --config tests/acceptance/tiny.toml` is small, `loop.sh` is the real size.
set -euo pipefail
# shellcheck source=tests/acceptance/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

first=$scratch/first second=$scratch/second
run() { bash "$root/scripts/run.sh" --no-install --experiments 6 --seed 7 --json "$@"; }

say "running six experiments .."
run --state "$first" "$@" >"$scratch/first.jsonl" || fail "the run ended with exit code $?: $(tail -n 3 "$scratch/first.jsonl")"
summary=$(tail -n 1 "$scratch/first.jsonl")
say "summary: $summary"
have "the summary counts six experiments" test "$(field experiments <<<"$summary")" = 6
have "the summary names the campaign" test "$(field campaign <<<"$summary")" = campaign-1
have "the summary names the best" grep -q '"best":{"experiment":[0-9]*,"fitness":[0-9.]*,"name":"[^"]*"}' <<<"$summary"

"$move37" tail --from start --no-follow --json --state "$first" >"$scratch/facts.jsonl"
# of TYPE EXPERIMENT: how many such facts there are.
of() { grep "\"type\":\"move37.$1.v1\"" "$scratch/facts.jsonl" | grep -c "\"experiment\":$2,\"id\"" || true; }
evolved=$(grep '"type":"move37.parent.sampled.v1"' "$scratch/facts.jsonl" | grep '"kind":"evolve"' |
    grep -o '"experiment":[0-9]*,"id"' | grep -o '[0-9]*')
learned=0
for experiment in $evolved; do
    [ "$(of insight.recorded "$experiment")" = 1 ] || continue
    learned=$((learned + 1))
    for fact in hypothesis.proposed code_diff.proposed candidate.admitted training.completed insight.recorded; do
        [ "$(of $fact "$experiment")" -ge 1 ] || fail "experiment $experiment has no $fact"
    done
    say "ok: experiment $experiment has a hypothesis, a diff, a gate report, a result and an insight"
done
have "six experiments ended with an insight" test $learned = 6

verified() { "$move37" replay --verify --json --state "$1"; }
replay=$(verified "$first") || fail "replay: $replay"
say "replay: $replay"
have "the replay is verified" test "$(field verified <<<"$replay")" = true
have "run and replay count the same facts" test "$(field facts <<<"$replay")" = "$(field facts <<<"$summary")"

say "running the same seed in another directory .."
run --state "$second" --lanes 1 "$@" >"$scratch/second.jsonl" || fail "the second run ended with exit code $?"
again=$(verified "$second") || fail "replay of the second run: $again"
have "both runs decided the same" test "$(field decisions_hash <<<"$replay")" = "$(field decisions_hash <<<"$again")"

"$move37" explain last-insight --json --state "$first" >"$scratch/why.json"
have "the last insight leads back to the campaign's start" grep -q '"reaches_start":true' "$scratch/why.json"
say "the way back has $(grep -o '"evidence":' "$scratch/why.json" | wc -l) facts"
say "loop: all as it should be"
