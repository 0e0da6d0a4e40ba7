#!/usr/bin/env bash
# What makes a training believable: the same job twice has the same curve, a run that was killed goes on as if it had not
# been, baselines have their seeds and intervals, and the records of a campaign are confirmed with fresh seeds.
# With --campaign, a campaign of 30 experiments under the profile `laptop` is made anew (an hour and a half at most on two
# cores); else the one that is kept under tests/fixtures is looked at.
set -euo pipefail
# shellcheck source=tests/acceptance/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

mixer=$root/shared/candidate/seeds/delta_net.py
# train STATE ARGUMENTS..: one run of the job, in place of the (sub)shell that calls it.
train() {
    local state=$1
    shift
    exec "$move37" train "$mixer" --task mqar --batch 16 --seed "${seed:-3}" --threads 1 --steps "$steps" --state "$state" --json "$@"
}

# Two runs of one job, each from nothing.
identical_runs() {
    local steps=40 one two
    one=$(train "$scratch/one") && two=$(train "$scratch/two") || fail "a run ended with exit code $?: $one"
    say "curve $(field curve_hash <<<"$one"), value $(field value <<<"$one")"
    have "two identical runs have the same curve" test "$(field curve_hash <<<"$one")" = "$(field curve_hash <<<"$two")"
    have "and the same value" test "$(field value <<<"$one")" = "$(field value <<<"$two")"
    have "and the same platform" test "$(field features <<<"$one")" = "$(field features <<<"$two")"
    two=$(seed=4 train "$scratch/two") || fail "a run with another seed ended with exit code $?"
    have "another seed has another curve" test "$(field curve_hash <<<"$one")" != "$(field curve_hash <<<"$two")"
}

# A run that is killed in the middle, and one that is interrupted, go on with the curve of one that was left alone.
killed_run() {
    local steps=400 state=$scratch/killed whole rest pid status begun
    whole=$(train "$scratch/whole") || fail "the run ended with exit code $?: $whole"
    rest=$(field resumed_from <<<"$whole")
    have "a run that is left alone begins at the beginning" test "$rest" = null

    train "$state" --checkpoint-every 0.2 >"$scratch/part.json" 2>&1 &
    pid=$!
    for ((wait = 0; wait < 600; wait++)); do
        compgen -G "$state/checkpoints/*.safetensors" >/dev/null && break
        kill -0 $pid 2>/dev/null || fail "the run ended by itself: $(cat "$scratch/part.json")"
        sleep 0.05
    done
    kill -9 $pid 2>/dev/null || fail "the run was over before it could be killed"
    wait $pid 2>/dev/null || true

    # Interrupted as well, with an hour between checkpoints: what it did last must be kept on the way out.
    train "$state" --checkpoint-every 3600 >"$scratch/part.json" 2>&1 &
    pid=$!
    sleep 1
    begun=$(date +%s%N)
    kill -INT $pid
    status=0
    wait $pid || status=$?
    say "ended $((($(date +%s%N) - begun) / 1000000)) ms after Ctrl-C: $(cut -c 1-80 "$scratch/part.json")"
    have "Ctrl-C ends it within a second" test $((($(date +%s%N) - begun) / 1000000)) -lt 1000
    have "an interrupted run answers no" test $status = 1

    rest=$(train "$state") || fail "the rest ended with exit code $?: $rest"
    have "it went on from step $(field resumed_from <<<"$rest") of $steps" test "$(field resumed_from <<<"$rest")" -gt 0
    have "the killed run has the curve of the whole one" \
        test "$(field curve_hash <<<"$whole")" = "$(field curve_hash <<<"$rest")"
    have "and its value" test "$(field value <<<"$whole")" = "$(field value <<<"$rest")"
}

# A campaign's run, trained again from its fact.
recorded_run() {
    local state=$scratch/campaign run again
    "$move37" run --config "$root/tests/acceptance/tiny.toml" --experiments 1 --state "$state" --json \
        >"$scratch/campaign.jsonl" || fail "the campaign ended with exit code $?: $(tail -n 2 "$scratch/campaign.jsonl")"
    run=$("$move37" tail --from start --no-follow --json --state "$state" |
        grep '"type":"move37.run.completed.v1"' | tail -n 1 | grep -o '"run":"[^"]*"' | head -n 1 | cut -d'"' -f4)
    again=$("$move37" train --from "$run" --state "$state" --json) || fail "run $run came out differently: $again"
    have "run $run, trained again from its fact, is the same" test "$(field same <<<"$again")" = true
    have "bit for bit" test "$(field bitwise <<<"$again")" = true
    "$move37" train --from "$run" --threads 3 --state "$state" >"$scratch/elsewhere.txt" || true
    have "with other threads it says what differs" grep -q 'threads was' "$scratch/elsewhere.txt"
}

# confirmed STATE: a whole campaign whose records fresh seeds confirmed, on test data.
confirmed() {
    local state=$1 shown kind status
    "$move37" replay --verify --state "$state" >"$scratch/replay.txt" || fail "it does not verify: $(cat "$scratch/replay.txt")"
    have "its log holds: $(tail -n 1 "$scratch/replay.txt")" grep -q '^verified: true' "$scratch/replay.txt"
    "$move37" campaign show --state "$state" | cut -c 1-200 | sed -n 1,8p
    shown=$("$move37" campaign show --state "$state" --json)
    have "it did $(field experiments <<<"$shown") experiments" test "$(field experiments <<<"$shown")" -ge 30
    have "it came to its end" test "$(field phase <<<"$shown")" = finished
    "$move37" tail --from start --no-follow --json --state "$state" >"$scratch/facts.jsonl"
    for kind in candidate.promoted verification.recorded record.confirmed record.refuted run.spared; do
        say "$kind: $(grep -c "\"type\":\"move37.$kind.v1\"" "$scratch/facts.jsonl" || true)"
    done
    have "at least one record is confirmed" grep -q '"type":"move37.record.confirmed.v1"' "$scratch/facts.jsonl"
    "$move37" baselines --state "$state"
    # The second stage: the programs that were promoted, at another size.
    local finalists=$scratch/finalists.txt
    "$move37" run --profile quick --experiments 0 --from campaign-1 --dry-run --state "$state" >"$finalists" ||
        fail "a second stage of campaign-1 is refused: $(cat "$finalists")"
    grep '^  program' "$finalists"
    have "a second stage begins with what the first promoted" test "$(grep -c '^  program' "$finalists")" -gt 5
    status=0
    "$move37" run --from campaign-9 --dry-run --state "$state" >"$scratch/none.txt" 2>&1 || status=$?
    have "one of a campaign that is not there cannot be: $(tail -n 1 "$scratch/none.txt")" test $status = 3
}

# A campaign at real size: the kept one, or one made now.
campaign() {
    local state=$scratch/laptop begun=$SECONDS
    mkdir "$state"
    if [ "${1:-}" = --campaign ]; then
        "$move37" run --profile laptop --experiments 30 --lanes 2 --seed 37 --state "$state" | grep -v '^ ' | cut -c 1-150
        say "made in $(((SECONDS - begun) / 60)) minutes"
        have "in at most 90 minutes" test $((SECONDS - begun)) -le 5400
    else
        gunzip -c "$root/tests/fixtures/laptop-campaign.db.gz" >"$state/log.db"
    fi
    confirmed "$state"
}

identical_runs
killed_run
recorded_run
campaign "$@"
say "belief: all as it should be"
