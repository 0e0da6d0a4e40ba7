#!/usr/bin/env bash
# Starts a real Apache Kafka (KRaft) on this machine, for development and tests; not for production.
#
#   bash kafka/broker/start.sh [--directory DIR] [--port PORT[,PORT,PORT]] [--controller-port PORT[,PORT,PORT]]
#                              [--secure] [--brokers 1|3] [--while-stdin-is-open]
#                              [--advertise HOST:PORT[,HOST:PORT,HOST:PORT] --inner-port PORT[,PORT,PORT]]
#
# --secure     SASL_SSL with SCRAM-SHA-512; what acls.yaml does not list is denied. DIR/admin.toml is the configuration
#              of a super user and DIR/users/USER.toml that of each role, whose passwords lie in DIR/passwords; the
#              .properties beside them are for Kafka's own tools. Make these users and give them their rights:
#                move37 topics apply --kafka-config DIR/admin.toml --acls --passwords DIR/passwords
# --brokers 3  each record on three brokers, two of which must have it (ports 9092, 9094, 9096).
# --advertise  what clients are told where something stands before the brokers; among themselves these use the inner
#              ports.
# --while-stdin-is-open  end with whoever holds the other end. A line `start N` starts broker N again after its end.
#
# The jars come from Maven Central, once, into the target directory. What DIR holds is kept: started again, the brokers
# go on with it. A broker's process id is in DIR/pid, its output in DIR/broker.log; of three in DIR/1, DIR/2 and DIR/3.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
target=${CARGO_TARGET_DIR:-$here/../../target}
directory=$target/kafka
ports=9092
controller_ports=9093
brokers=1
secure=0
watch_stdin=0
advertise=
inner_ports=9095
while [ $# -gt 0 ]; do
    case $1 in
    --directory) directory=$2 && shift 2 ;;
    --port) ports=$2 && shift 2 ;;
    --controller-port) controller_ports=$2 && shift 2 ;;
    --brokers) brokers=$2 && shift 2 ;;
    --secure) secure=1 && shift ;;
    --advertise) advertise=$2 && shift 2 ;;
    --inner-port) inner_ports=$2 && shift 2 ;;
    --while-stdin-is-open) watch_stdin=1 && shift ;;
    *) sed -n '2,/^set/s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2 && exit 2 ;;
    esac
done

refuse() {
    printf 'error: %s\nnext: %s\n' "$1" "$2" >&2
    exit 3
}

[ -z "$advertise" ] || [ "$secure" = 0 ] || refuse "--advertise is not for --secure." "leave one of them out."
case $brokers in 1 | 3) ;; *) refuse "--brokers $brokers is not possible." "start 1 or 3." ;; esac
command -v java >/dev/null || refuse "java is missing." "install Java 17 or newer (Debian package openjdk-17-jre-headless)."
mkdir -p "$target" "$directory"
directory=$(cd "$directory" && pwd)

# Each port of a list, or the first and every second one after it.
spread() {
    local list=() n
    IFS=, read -ra list <<<"$1"
    for n in $(seq 0 $((brokers - 1))); do echo "${list[$n]:-$((list[0] + 2 * n))}"; done
}
mapfile -t port < <(spread "$ports")
mapfile -t controller_port < <(spread "$controller_ports")
mapfile -t inner_port < <(spread "$inner_ports")
IFS=, read -ra advertised <<<"$advertise"
bootstrap=$(printf ',127.0.0.1:%s' "${port[@]}")
bootstrap=${bootstrap:1}

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
exec 9>"$target/kafka-libs.lock"
flock 9
fetch
exec 9>&-

random() { head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n'; }

# An authority of our own and one certificate for all brokers.
certify() {
    [ -e "$directory/broker.pem" ] && return
    command -v openssl >/dev/null || refuse "openssl is missing." "install it (Debian package openssl)."
    local key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
    (
        cd "$directory"
        umask 077
        openssl req -x509 "${key[@]}" -days 3650 -subj "/CN=Authority of a test cluster" -keyout ca.key -out ca.pem
        openssl req "${key[@]}" -subj "/CN=broker" -keyout broker.key -out broker.csr
        openssl x509 -req -days 3650 -in broker.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out broker.crt \
            -extfile <(echo "subjectAltName=IP:127.0.0.1,DNS:localhost")
        cat broker.key broker.crt >broker.pem
    ) >"$directory/openssl.log" 2>&1 || refuse "no certificate can be made (see $directory/openssl.log)." "correct that and start again."
}

# A user's password, made once, and the configuration that goes with it.
user() {
    local name=$1 password=$2 configuration=$3
    mkdir -p "$(dirname "$password")" "$(dirname "$configuration")"
    [ -e "$password" ] || (umask 077 && random >"$password")
    cat >"$configuration" <<TOML
[kafka]
bootstrap = "$bootstrap"

[kafka.security]
tls = true
ca_file = "$directory/ca.pem"
username = "$name"
password_file = "$password"
TOML
    # The same for Kafka's own tools.
    (umask 077 && cat >"${configuration%.toml}.properties" <<PROPERTIES
security.protocol=SASL_SSL
ssl.truststore.type=PEM
ssl.truststore.location=$directory/ca.pem
sasl.mechanism=SCRAM-SHA-512
sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="$name" password="$(cat "$password")";
PROPERTIES
    )
}

if [ "$secure" = 1 ]; then
    certify
    user admin "$directory/admin.password" "$directory/admin.toml"
    for role in $(sed -n 's/^ *- user: //p' "$here/../acls.yaml"); do
        user "$role" "$directory/passwords/$role" "$directory/users/$role.toml"
    done
    listener=SASL_SSL
    password=$(cat "$directory/admin.password")
else
    listener=PLAINTEXT
fi

folder() { if [ "$brokers" = 1 ]; then echo "$directory"; else echo "$directory/$1"; fi; }

# The properties of broker $1.
properties() {
    local n=$1 voters= i inner= between=$listener
    if [ -n "$advertise" ]; then
        inner=,INNER://127.0.0.1:${inner_port[n - 1]}
        between=INNER
    fi
    cat <<PROPERTIES
process.roles=broker,controller
node.id=$n
listeners=$listener://127.0.0.1:${port[n - 1]},CONTROLLER://127.0.0.1:${controller_port[n - 1]}$inner
advertised.listeners=$listener://${advertised[n - 1]:-127.0.0.1:${port[n - 1]}}$inner
inter.broker.listener.name=$between
controller.listener.names=CONTROLLER
log.dirs=$(folder "$n")/data
auto.create.topics.enable=false
default.replication.factor=$brokers
min.insync.replicas=$(((brokers + 1) / 2))
offsets.topic.replication.factor=$brokers
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=$brokers
transaction.state.log.min.isr=$(((brokers + 1) / 2))
share.coordinator.state.topic.replication.factor=$brokers
share.coordinator.state.topic.min.isr=$(((brokers + 1) / 2))
log.index.size.max.bytes=1048576
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=3000
group.consumer.min.heartbeat.interval.ms=200
group.consumer.heartbeat.interval.ms=500
broker.session.timeout.ms=4000
broker.heartbeat.interval.ms=500
PROPERTIES
    if [ "$brokers" = 1 ]; then
        echo "controller.quorum.bootstrap.servers=127.0.0.1:${controller_port[0]}"
    else
        for i in $(seq "$brokers"); do voters+=",$i@127.0.0.1:${controller_port[i - 1]}"; done
        echo "controller.quorum.voters=${voters:1}"
    fi
    if [ "$secure" = 0 ]; then
        echo "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,INNER:PLAINTEXT"
        return
    fi
    # Controllers know each other by the brokers' certificate.
    cat <<PROPERTIES
listener.security.protocol.map=SASL_SSL:SASL_SSL,CONTROLLER:SSL
listener.name.controller.ssl.client.auth=required
ssl.keystore.type=PEM
ssl.keystore.location=$directory/broker.pem
ssl.truststore.type=PEM
ssl.truststore.location=$directory/ca.pem
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required username="admin" password="$password";
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:admin;User:CN=broker
PROPERTIES
}

java=(java -Xmx$((brokers == 1 ? 512 : 384))m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$libs/*")
format() {
    local n=$1 how=()
    [ "$brokers" = 1 ] && how+=(--standalone)
    [ "$secure" = 1 ] && how+=(--add-scram "SCRAM-SHA-512=[name=admin,password=$password]")
    "${java[@]}" kafka.tools.StorageTool format "${how[@]}" -t "$cluster" -c "$(folder "$n")/server.properties" \
        >"$(folder "$n")/format.log" 2>&1 ||
        refuse "a broker's folder cannot be made (see $(folder "$n")/format.log)." "empty $directory and start again."
}
[ -e "$directory/cluster" ] || (echo "m$(head -c 16 /dev/urandom | base64 | tr '+/' '-_' | cut -c2-21)Q" >"$directory/cluster")
cluster=$(cat "$directory/cluster")
formatting=()
for n in $(seq "$brokers"); do
    mkdir -p "$(folder "$n")"
    (umask 077 && properties "$n" >"$(folder "$n")/server.properties")
    if [ ! -e "$(folder "$n")/data/meta.properties" ]; then
        format "$n" &
        formatting+=($!)
    fi
done
for job in "${formatting[@]}"; do wait "$job" || exit 3; done

running=()
start() {
    local n=$1
    "${java[@]}" kafka.Kafka "$(folder "$n")/server.properties" >>"$(folder "$n")/broker.log" 2>&1 </dev/null &
    running[n]=$!
    echo "$!" >"$(folder "$n")/pid"
    echo "broker at 127.0.0.1:${port[n - 1]}, process $!, folder $(folder "$n")"
}
trap 'kill "${running[@]}" 2>/dev/null || true' EXIT INT TERM
for n in $(seq "$brokers"); do start "$n"; done
if [ "$watch_stdin" = 1 ]; then
    # Ends with whoever holds the other end, however that one ends.
    while read -r word n; do
        [ "$word" = start ] && start "$n"
    done
else
    wait "${running[@]}"
fi
