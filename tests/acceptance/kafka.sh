#!/usr/bin/env bash
# The system on Kafka from end to end: a broker, five services and two workers as processes of their own run a campaign
# of six experiments, each process is killed once on the way, a Python consumer joins in the middle; and a seed decides
# the same on Kafka as on one file.
# `kafka.sh` trains at the real size; `kafka.sh --small` small candidates, for checks of everything but the numbers.
set -euo pipefail
# shellcheck source=tests/acceptance/common.sh
source "$(dirname "${BASH_SOURCE[0]}")/common.sh"

undisturbed=() disturbed=()
case ${1:-} in
--small) undisturbed=(--config "$root/tests/acceptance/tiny.toml") disturbed=(--config "$root/tests/acceptance/kafka.toml") ;;
'') ;;
*) say "usage: kafka.sh [--small]" >&2 && exit 2 ;;
esac

cluster() { bash "$root/scripts/cluster.sh" "$@" --state "$scratch/cluster"; }
following=
clean_up() {
    local status=$?
    [ -z "$following" ] || kill "$following" 2>/dev/null || true
    [ $status = 0 ] || tail -n 3 "$scratch"/cluster/*-?.log >&2 || true
    cluster down >"$scratch/down.txt" 2>&1 || { cat "$scratch/down.txt" && status=1; }
    rm -rf "$scratch"
    exit $status
}
trap clean_up EXIT
for name in $(compgen -e MOVE37_ || true); do [ "$name" = MOVE37_HOME ] || unset "$name"; done

# The same environment of pinned packages as scripts/python.sh has.
venv() {
    local examples=$root/examples/python python=${PYTHON:-python3}
    venv=$target/python-plot-$(cat "$examples/requirements.txt" "$examples/requirements-plot.txt" | sha256sum | cut -c1-12)
    [ -d "$venv" ] && return
    rm -rf "$venv.part"
    "$python" -m venv "$venv.part" || fail "Python 3.11 or newer with venv is missing"
    "$venv.part/bin/pip" install --quiet --disable-pip-version-check -r "$examples/requirements-plot.txt" ||
        fail "the Python packages of examples/python/requirements-plot.txt cannot be installed"
    mv "$venv.part" "$venv"
}
venv

say "starting a broker, five services and two workers .."
cluster up --free-ports --workers 2 --lease-seconds 6 >"$scratch/up.txt" 2>&1 || fail "the system does not start: $(tail -n 5 "$scratch/up.txt")"
processes=(memory-1 researcher-1 engineer-1 trainer-1 analyst-1 worker-1 worker-2)
have "seven processes are ready" test "$(grep -c ' ready$' "$scratch/up.txt")" = ${#processes[@]}
kafka=127.0.0.1:$(cat "$scratch/cluster/broker.port")
over() { "$move37" "$@" --kafka "$kafka"; }

# The first starts of a system are not what is tested: the same seed on Kafka and in one file comes first, undisturbed.
say "the same seed on Kafka and in one file, one lane .."
over run --experiments 6 --seed 7 --lanes 1 "${undisturbed[@]}" --json >"$scratch/kafka.jsonl" || fail "the run on Kafka ended with exit code $?: $(tail -n 3 "$scratch/kafka.jsonl")"
"$move37" run --state "$scratch/file" --experiments 6 --seed 7 --lanes 1 "${undisturbed[@]}" --json >"$scratch/file.jsonl" || fail "the run in a file ended with exit code $?"
first=$(tail -n 1 "$scratch/kafka.jsonl" | field campaign)
there=$(over replay --verify --json --campaign "$first") || fail "replay of $first: $there"
here=$("$move37" replay --verify --json --state "$scratch/file") || fail "replay of the file: $here"
say "on Kafka:    $there"
say "in one file: $here"
have "both decided the same" test "$(field decisions_hash <<<"$there")" = "$(field decisions_hash <<<"$here")"

say "six experiments, each process killed once on the way .."
campaign=$(over campaign start --experiments 6 --seed 8 --lanes 2 "${disturbed[@]}" --json | field campaign)
: >"$scratch/facts.jsonl"
"$move37" tail --from start --json --campaign "$campaign" --kafka "$kafka" >"$scratch/facts.jsonl" 2>"$scratch/tail.txt" &
following=$!
facts() { wc -l <"$scratch/facts.jsonl"; }
ended() { grep -q '"type":"move37.campaign.closed.v1"' "$scratch/facts.jsonl"; }
# until_true WHAT COMMAND..: waits for it, for ten minutes at most.
until_true() {
    local what=$1 deadline=$((SECONDS + 600))
    shift
    until "$@"; do
        [ $SECONDS -lt $deadline ] || fail "after ten minutes: $what; $(over campaign show "$campaign" --json)"
        sleep 0.1
    done
}
# soon WHAT COMMAND..: the same, while the campaign goes on.
soon() { until_true "$1" going_on "${@:2}"; }
going_on() {
    ! ended || fail "the campaign was over after $killed kills"
    "$@"
}
grown() { [ "$(facts)" -gt "$1" ]; }
# trains WORKER: its last fact about a run says that it has one.
trains() {
    grep "\"id\":\"$1\\.[0-9]*/worker/" "$scratch/facts.jsonl" | tail -n 1 | grep -q '"type":"move37.\(run.accepted\|metrics.recorded\).v1"'
}
gone() { ! kill -0 "$1" 2>/dev/null; }
killed=0 consumer=
# strike NAME: kill it while it has something to do.
strike() {
    case $1 in
    worker-*) soon "$1 trains nothing" trains "$1" ;;
    *) soon "nothing happens" grown "$(facts)" ;;
    esac
    local pid
    pid=$(cat "$scratch/cluster/$1.pid")
    kill -9 "$pid" || fail "$1 had ended by itself: $(tail -n 3 "$scratch/cluster/$1.log")"
    until_true "$1 does not end" gone "$pid"
    killed=$((killed + 1))
    say "killed $1 after $(facts) facts"
}
# A worker alone would be missed by nobody: a service is killed with it.
for together in "worker-1 memory-1" trainer-1 researcher-1 "worker-2 engineer-1" analyst-1; do
    for process in $together; do strike "$process"; done
    cluster up --no-build >"$scratch/up.txt" 2>&1 || fail "$together does not come back: $(tail -n 5 "$scratch/up.txt")"
    if [ $killed = 4 ]; then
        "$venv/bin/python" "$root/examples/python/best_fitness.py" --bootstrap "$kafka" --campaign "$campaign" --plot "$scratch/best.png" \
            >"$scratch/consumer.txt" 2>&1 &
        consumer=$!
        say "attached the Python consumer after $(facts) facts"
    fi
done
have "each of the seven processes was killed once" test $killed = ${#processes[@]}
until_true "the campaign goes on" ended
for ((wait = 0; wait < 600; wait++)); do kill -0 $consumer 2>/dev/null && sleep 0.1 || break; done
kill -0 $consumer 2>/dev/null && kill $consumer && fail "the consumer does not see the end: $(tail -n 2 "$scratch/consumer.txt")"
wait $consumer || fail "the consumer ended with exit code $?: $(tail -n 5 "$scratch/consumer.txt")"
saw=$(tail -n 1 "$scratch/consumer.txt" | tr -d ' ')
say "the consumer: $saw"
shown=$(over campaign show "$campaign" --json)
have "six experiments ended with an insight" test "$(field experiments <<<"$shown")" = 6
have "the campaign is finished" test "$(field phase <<<"$shown")" = finished
replay=$(over replay --verify --json --campaign "$campaign") || fail "replay: $replay"
say "replay: $replay"
have "the replay is verified" test "$(field verified <<<"$replay")" = true
have "the consumer counted the log's facts: $(field facts <<<"$saw")" test "$(field facts <<<"$saw")" = "$(field facts <<<"$replay")"
have "every process is ready in the end" cluster status
say "kafka: all as it should be"
