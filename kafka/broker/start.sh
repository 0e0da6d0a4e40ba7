#!/usr/bin/env bash
# Starts one real Apache Kafka broker (KRaft) on this machine, for development and tests; not for production.
#
#   bash kafka/broker/start.sh [--directory DIR] [--port PORT] [--controller-port PORT] [--while-stdin-is-open]
#
# The jars come from Maven Central, once, into the target directory. What DIR holds is kept: started again, the broker
# goes on with it. The broker's process id is in DIR/pid, its output in DIR/broker.log.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
directory=$target/kafka
port=9092
controller_port=9093
watch_stdin=0
while [ $# -gt 0 ]; do
    case $1 in
    --directory) directory=$2 && shift 2 ;;
    --port) port=$2 && shift 2 ;;
    --controller-port) controller_port=$2 && shift 2 ;;
    --while-stdin-is-open) watch_stdin=1 && shift ;;
    *) sed -n '2,7s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 2 ;;
    esac
done

refuse() {
    printf 'error: %s\nnext: %s\n' "$1" "$2" >&2
    exit 3
}

command -v java >/dev/null || refuse "java is missing." "install Java 17 or newer (Debian package openjdk-17-jre-headless)."

# Fetch the jars into a folder that is whole or absent; one process at a time.
libs=$target/kafka-libs-$(sha256sum "$here/pom.xml" | cut -c1-12)
fetch() {
    [ -d "$libs" ] && return
    command -v mvn >/dev/null || refuse "mvn is missing, which fetches Kafka." "install Maven (Debian package maven)."
    local attempt part=$libs.part
    for attempt in 1 2 3; do
        rm -rf "$part"
        if timeout 240 mvn -q -B -f "$here/pom.xml" dependency:copy-dependencies -DoutputDirectory="$part" >&2; then
            mv "$part" "$libs"
            return
        fi
        printf 'fetching Kafka failed (attempt %d of 3)\n' "$attempt" >&2
    done
    refuse "Kafka cannot be fetched from Maven Central." "check the network or your Maven settings and start again."
}
mkdir -p "$target" "$directory"
exec 9>"$target/kafka-libs.lock"
flock 9
fetch
exec 9>&-

java=(java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$libs/*")
properties=$directory/server.properties
cat >"$properties" <<PROPERTIES
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$controller_port
advertised.listeners=PLAINTEXT://127.0.0.1:$port
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.quorum.bootstrap.servers=127.0.0.1:$controller_port
log.dirs=$directory/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
log.index.size.max.bytes=1048576
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=3000
group.consumer.min.heartbeat.interval.ms=200
group.consumer.heartbeat.interval.ms=500
PROPERTIES

if [ ! -e "$directory/data/meta.properties" ]; then
    id=$("${java[@]}" kafka.tools.StorageTool random-uuid 2>/dev/null)
    "${java[@]}" kafka.tools.StorageTool format --standalone -t "$id" -c "$properties" >"$directory/format.log" 2>&1 ||
        refuse "the broker's folder cannot be made (see $directory/format.log)." "empty $directory and start again."
fi

"${java[@]}" kafka.Kafka "$properties" >>"$directory/broker.log" 2>&1 </dev/null &
broker=$!
echo "$broker" >"$directory/pid"
trap 'kill "$broker" 2>/dev/null || true' EXIT INT TERM
echo "broker at 127.0.0.1:$port, process $broker, folder $directory"
if [ "$watch_stdin" = 1 ]; then
    # Ends with whoever holds the other end, however that one ends.
    cat >/dev/null || true
else
    wait "$broker"
fi
