#!/usr/bin/env bash
# The distributed system on one machine (Linux): a Kafka broker, the five services and workers, each a process of its own.
#
#   bash scripts/cluster.sh up [OPTIONS]     start what is not running yet, and wait until it is ready
#   bash scripts/cluster.sh status [OPTIONS] say how each process stands; exit code 1 when one is not ready
#   bash scripts/cluster.sh down [OPTIONS]   stop everything in good order; what Kafka holds is kept
#
#   --state DIR            where logs, process ids and the broker's data are  [.move37/cluster]
#   --workers N            workers                                            [1]
#   --instances N          processes of each service                          [1]
#   --backend NAME         candle, or rehearsal, which trains nothing         [candle]
#   --rehearsal-seconds S  how long a rehearsed training takes                [1]
#   --slots N              trainings at a time of each worker                 [1]
#   --lease-seconds N      after this silence a worker's run goes to another  [60]
#   --trainer-config FILE  further configuration of trainers and workers
#   --kafka HOST:PORT      use this cluster instead of a broker of our own
#   --prefix TEXT          before every topic and group
#   --port PORT            the broker's port; the next one is its controller's [9092]
#   --http PORT            the first process's port of /readyz and /metrics   [8081]
#   --free-ports           take free ports instead
#   --patience SECONDS     how long anything may take to get ready            [180]
#   --no-build             use the binaries as they are
#   --no-install           refuse to install missing tools
#   --wipe                 with down: remove the state folder too
#
# `up` remembers its options in the state folder: after a process was killed, a bare `up` starts it again.
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
target=${CARGO_TARGET_DIR:-$root/target}
[[ $target = /* ]] || target=$PWD/$target
services=(memory researcher engineer trainer analyst)
may_install=1 build=1 wipe=0
state=$root/.move37/cluster
declare -A set=([workers]=1 [instances]=1 [backend]=candle [rehearsal_seconds]=1 [slots]=1 [lease_seconds]=60
    [trainer_config]='' [kafka]='' [prefix]='' [port]=9092 [http]=8081 [free]=0 [patience]=180)
declare -A given=()

# shellcheck source=scripts/setup.sh
source "$root/scripts/setup.sh"

usage() { sed -n '2,28s/^# \{0,1\}//p' "${BASH_SOURCE[0]}"; }

parse() {
    local key
    while [ $# -gt 0 ]; do
        case $1 in
        --free-ports) given[free]=1 && shift && continue ;;
        --no-build) build=0 && shift && continue ;;
        --no-install) may_install=0 && shift && continue ;;
        --wipe) wipe=1 && shift && continue ;;
        -h | --help) usage && exit 0 ;;
        esac
        [ $# -ge 2 ] || { say "error: $1 is unknown, or needs a value" && usage >&2 && exit 2; }
        case $1 in
        --state) state=$2 ;;
        --workers | --instances | --backend | --rehearsal-seconds | --slots | --lease-seconds | --trainer-config | \
            --kafka | --prefix | --port | --http | --patience)
            key=${1#--} && given[${key//-/_}]=$2
            ;;
        *) say "error: $1 is unknown" && usage >&2 && exit 2 ;;
        esac
        shift 2
    done
    mkdir -p "$state"
    state=$(cd "$state" && pwd)
}

# What an earlier `up` was told, and over it what this one is told.
recall() {
    local key value
    if [ -e "$state/options" ]; then
        while IFS='=' read -r key value; do set[$key]=$value; done <"$state/options"
    fi
    for key in "${!given[@]}"; do set[$key]=${given[$key]}; done
    [ -z "${set[trainer_config]}" ] || set[trainer_config]=$(realpath "${set[trainer_config]}")
}

remember() {
    local key
    for key in "${!set[@]}"; do printf '%s=%s\n' "$key" "${set[$key]}"; done >"$state/options"
}

names() {
    local service n
    for service in "${services[@]}"; do
        for ((n = 1; n <= set[instances]; n++)); do echo "$service-$n"; done
    done
    for ((n = 1; n <= set[workers]; n++)); do echo "worker-$n"; done
}

# Everything that was ever started here, also with other options.
known() { find "$state" -maxdepth 1 -name '*.pid' -printf '%f\n' | sed 's/\.pid$//' | sort; }

# pid NAME: its process id, if that process is still the one that was started.
pid() {
    local pid command
    pid=$(cat "$state/$1.pid" 2>/dev/null) || return 1
    command=$(ps -o command= -p "$pid" 2>/dev/null) || return 1
    case $1 in
    broker) [[ $command == *start.sh* ]] ;;
    worker-*) [[ $command == *trainer*--worker* ]] ;;
    *) [[ $command == *"${1%-*}"* ]] ;;
    esac && echo "$pid"
}

# port_is_free PORT: nobody listens there.
port_is_free() { ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# Two neighbouring ports that nobody listens on.
free_port() {
    local port
    for _ in {1..100}; do
        port=$((20000 + (RANDOM * 32768 + RANDOM) % 12000))
        port_is_free $port && port_is_free $((port + 1)) && echo $port && return
    done
    refuse "no free port was found." "name one with --port."
}

# ask NAME PATH: the status and the body that a process answers.
ask() {
    local port
    port=$(cat "$state/$1.port" 2>/dev/null) || return 1
    timeout 5 bash -c "exec 3<>/dev/tcp/127.0.0.1/$port && printf 'GET $2 HTTP/1.0\r\n\r\n' >&3 && cat <&3" 2>/dev/null |
        tr -d '\r' | sed -n '1s/^[^ ]* \([0-9]*\).*/\1/p; /^$/,$p'
}

is_ready() { [ "$(ask "$1" /readyz | head -n 1)" = 200 ]; }

start_broker() {
    [ -z "${set[kafka]}" ] || return 0
    if ! pid broker >/dev/null; then
        if [ -e "$state/broker.port" ]; then
            set[port]=$(cat "$state/broker.port")
        elif [ "${set[free]}" = 1 ]; then
            set[port]=$(free_port)
        fi
        for port in "${set[port]}" $((set[port] + 1)); do
            port_is_free "$port" || refuse "port $port is in use." "end what listens there, or add --free-ports."
        done
        echo "${set[port]}" >"$state/broker.port"
        say "starting a broker at 127.0.0.1:${set[port]} .."
        CARGO_TARGET_DIR=$target setsid bash "$root/kafka/broker/start.sh" --directory "$state/broker" \
            --port "${set[port]}" --controller-port $((set[port] + 1)) >>"$state/broker.log" 2>&1 </dev/null &
        echo $! >"$state/broker.pid"
    fi
    bootstrap=127.0.0.1:$(cat "$state/broker.port")
}

# Topics are created as soon as the broker answers.
apply_topics() {
    local deadline=$((SECONDS + set[patience]))
    until timeout 60 "$bin/move37" topics apply --kafka "$bootstrap" --prefix "${set[prefix]}" >"$state/topics.log" 2>&1; do
        if [ -z "${set[kafka]}" ] && ! pid broker >/dev/null; then
            tail -n 5 "$state/broker.log" "$state/broker/broker.log" >&2 || true
            refuse "the broker ended." "see $state/broker.log and $state/broker/broker.log."
        fi
        [ $SECONDS -lt $deadline ] || refuse "the topics cannot be created: $(tail -n 1 "$state/topics.log")" "see $state/topics.log."
        sleep 1
    done
}

# start NAME INDEX: one service or worker.
start() {
    local name=$1 http=$((set[http] + $2)) kind=${1%-*} begin
    local -a command=("$bin/$kind") environment=("MOVE37_KAFKA__BOOTSTRAP=$bootstrap")
    [ "${set[free]}" = 0 ] || http=0
    environment+=("MOVE37_HTTP__LISTEN=127.0.0.1:$http")
    [ -z "${set[prefix]}" ] || environment+=("MOVE37_KAFKA__PREFIX=${set[prefix]}")
    case $kind in
    trainer | worker)
        environment+=("MOVE37_TRAINER__LEASE_SECONDS=${set[lease_seconds]}")
        [ -z "${set[trainer_config]}" ] || command+=(--config "${set[trainer_config]}")
        ;;
    esac
    if [ "$kind" = worker ]; then
        command=("$bin/trainer" --worker "${command[@]:1}")
        environment+=("MOVE37_WORKER__NAME=$name" "MOVE37_WORKER__SLOTS=${set[slots]}" "MOVE37_WORKER__DATA=$state/data"
            "MOVE37_WORKER__BACKEND=${set[backend]}" "MOVE37_WORKER__REHEARSAL_SECONDS=${set[rehearsal_seconds]}")
    fi
    begin=$(wc -c 2>/dev/null <"$state/$name.log" || echo 0)
    echo "$begin" >"$state/$name.begin"
    rm -f "$state/$name.port"
    (cd "$state" && exec env "${environment[@]}" setsid "${command[@]}" >>"$state/$name.log" 2>&1 </dev/null) &
    echo $! >"$state/$name.pid"
}

# see_port NAME: keeps the port that the log names since the last start.
see_port() {
    [ -e "$state/$1.port" ] && return
    local address
    address=$(tail -c +$(($(cat "$state/$1.begin") + 1)) "$state/$1.log" | sed -n 's/.*listening.*address=[^ ]*:\([0-9]*\).*/\1/p' | tail -n 1)
    [ -n "$address" ] && echo "$address" >"$state/$1.port"
}

await() {
    local name=$1 deadline=$2
    until see_port "$name" && is_ready "$name"; do
        if ! pid "$name" >/dev/null; then
            tail -n 5 "$state/$name.log" >&2
            refuse "$name ended." "see $state/$name.log."
        fi
        if [ $SECONDS -ge "$deadline" ]; then
            tail -n 5 "$state/$name.log" >&2
            refuse "$name is not ready: $(ask "$name" /readyz | tail -n 1)" "see $state/$name.log, then run 'up' again or 'down'."
        fi
        sleep 0.3
    done
}

up() {
    local name index=0 deadline
    recall
    bin=$target/debug
    if [ $build = 1 ]; then
        need_c_compiler
        need_make
        need_openssl
        need_rust
        cargo build --locked --manifest-path "$root/Cargo.toml" -p move37 $(printf -- '-p move37-%s ' "${services[@]}") ||
            refuse "the build failed." "see the compiler's message above."
    fi
    if [ -z "${set[kafka]}" ]; then
        need_java
        need_maven
    fi
    bootstrap=${set[kafka]}
    start_broker
    remember
    apply_topics
    for name in $(names); do
        pid "$name" >/dev/null || { say "starting $name .." && start "$name" $index; }
        index=$((index + 1))
    done
    deadline=$((SECONDS + set[patience]))
    for name in $(names); do await "$name" $deadline; done
    status
}

# Each process on a line of its own.
status() {
    local name pid told code=0
    recall
    if [ -z "$(known)" ]; then
        say "nothing was started in $state: start it with 'bash scripts/cluster.sh up'"
        return 1
    fi
    bootstrap=${set[kafka]:-127.0.0.1:$(cat "$state/broker.port" 2>/dev/null || echo "${set[port]}")}
    printf '%-14s %8s %6s  %s\n' process pid port state
    for name in $(known); do
        if ! pid=$(pid "$name"); then
            told="ended; see $state/$name.log" pid=- code=1
        elif [ "$name" = broker ]; then
            told=running
        else
            told=$(see_port "$name" && ask "$name" /readyz) || true
            case $told in
            200*) told=ready ;;
            '') told="starting; see $state/$name.log" code=1 ;;
            *) told="not ready: $(sed -n 's/.*"why":\("[^"]*"\).*/\1/p' <<<"$told")" code=1 ;;
            esac
        fi
        printf '%-14s %8s %6s  %s\n' "$name" "$pid" "$(cat "$state/$name.port" 2>/dev/null || echo -)" "$told"
    done
    printf 'kafka: %s  logs: %s/*.log\n' "$bootstrap" "$state"
    return $code
}

# stop SECONDS NAME..: asks all of them to end, waits, and kills what does not.
stop() {
    local patience=$1 name pid deadline
    shift
    for name in "$@"; do ! pid=$(pid "$name") || kill "$pid" 2>/dev/null || true; done
    deadline=$((SECONDS + patience))
    for name in "$@"; do
        while pid=$(pid "$name"); do
            if [ $SECONDS -ge $deadline ]; then
                say "$name did not end within $patience s and is killed"
                kill -9 -- "-$pid" 2>/dev/null || kill -9 "$pid" 2>/dev/null || true
            fi
            sleep 0.2
        done
        rm -f "$state/$name.pid"
        [ "$name" = broker ] || rm -f "$state/$name.port" "$state/$name.begin"
    done
}

down() {
    local -a workers others
    mapfile -t workers < <(known | grep '^worker-' || true)
    mapfile -t others < <(known | grep -v '^worker-\|^broker$' || true)
    # Workers first: what they train is given out again by whoever goes on.
    stop 30 "${workers[@]}"
    stop 30 "${others[@]}"
    if pid broker >/dev/null; then
        broker=$(cat "$state/broker/pid" 2>/dev/null || true)
        stop 30 broker
        # The broker ends a little after the script that started it.
        for _ in {1..150}; do [ -n "$broker" ] && kill -0 "$broker" 2>/dev/null && sleep 0.2 || break; done
        kill -9 "$broker" 2>/dev/null && say "the broker did not end in time and was killed" || true
    fi
    rm -f "$state/broker.pid"
    if [ $wipe = 1 ]; then
        # Only what was made here: the folder may hold other things.
        rm -rf "$state/broker" "$state/data"
        rm -f "$state/options" "$state/broker.port" "$state"/{broker,topics,memory-*,researcher-*,engineer-*,trainer-*,analyst-*,worker-*}.log
        rmdir "$state" 2>/dev/null || true
        say "stopped; what it had kept in $state is removed"
    else
        say "stopped; logs and Kafka's data are in $state"
    fi
}

action=${1:-}
[ $# = 0 ] || shift
case $action in
up | status | down) parse "$@" && "$action" ;;
-h | --help | help) usage ;;
*) usage >&2 && exit 2 ;;
esac
