"""What hostile readers cost those who write: the time from an append until its writer has read it back, which is what a
service waits for, alone and beside readers that never poll, that read everything over and over, and the same under a
quota.

    python hostile_consumers.py [--appends 200]

Prints one line of JSON for each case; a figure is the median, `ratio` relates it to the first case. All of it shares one
machine, so the ratio of the flood is a bound for a cluster of one's own from above. Ends with 1 if an append is lost.
"""

from __future__ import annotations

import argparse
import glob
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Producer, TopicPartition
from confluent_kafka.admin import NewTopic

import golden
from cluster import Cluster

TOPIC = "move37.trainer"
PARTITIONS = 12
FILLING = 60 << 20
"""Bytes that readers find in the topic."""
BODY = 8 << 10
QUOTA = 1 << 20
"""Bytes a second of the reader that has one, at most."""


def fill(bootstrap: str) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "log_level": 0, "linger.ms": 20})
    for place in range(FILLING // BODY):
        producer.produce(TOPIC, os.urandom(BODY), partition=place % PARTITIONS)
        producer.poll(0)
        if place % 1000 == 0:
            producer.flush()
    if producer.flush(120):
        raise RuntimeError("the broker does not take the filling")


def reader(bootstrap: str, name: str, **settings) -> Consumer:
    base = {"bootstrap.servers": bootstrap, "group.id": name, "client.id": name, "enable.auto.commit": False, "log_level": 0}
    return Consumer(base | settings)


def flood(bootstrap: str, name: str) -> None:
    """Reads everything over and over, as fast as it gets it; until it is ended."""
    greedy = {"fetch.message.max.bytes": 50 << 20, "fetch.max.bytes": 100 << 20, "queued.max.messages.kbytes": 200 << 10}
    consumer = reader(bootstrap, name, **greedy, **{"enable.partition.eof": True, "fetch.wait.max.ms": 0})
    while True:
        consumer.assign([TopicPartition(TOPIC, partition, OFFSET_BEGINNING) for partition in range(PARTITIONS)])
        ends = 0
        while ends < PARTITIONS:
            for message in consumer.consume(500, 1.0):
                if error := message.error():
                    ends += error.code() == KafkaError._PARTITION_EOF


def silence(bootstrap: str, name: str) -> None:
    """Twenty readers that are assigned everything and ask for nothing: their queues run full, and stay so."""
    readers = [reader(bootstrap, name, **{"queued.max.messages.kbytes": 1024}) for _ in range(20)]
    for silent in readers:
        silent.assign([TopicPartition(TOPIC, partition, OFFSET_BEGINNING) for partition in range(PARTITIONS)])
    time.sleep(3600)


@contextmanager
def beside(bootstrap: str, what: Callable, processes: int, name: str):
    """While so many processes do so, under this name."""
    command = [sys.executable, __file__, "--beside", what.__name__, "--name", name, "--bootstrap", bootstrap]
    running = [subprocess.Popen(command) for _ in range(processes)]
    try:
        time.sleep(5)
        yield
        if any(one.poll() is not None for one in running):
            raise RuntimeError("a reader has ended by itself")
    finally:
        for one in running:
            one.kill()
            one.wait()


def appends(bootstrap: str, count: int) -> list[float]:
    """Seconds from each append until it is read back, one after the other as a service does it."""
    acknowledged: list = []
    settings = {"acks": "all", "enable.idempotence": True, "linger.ms": 1, "client.id": "service", "log_level": 0}
    producer = Producer({"bootstrap.servers": bootstrap} | settings)
    consumer = reader(bootstrap, "service", **{"fetch.wait.max.ms": 20})
    end = consumer.get_watermark_offsets(TopicPartition(TOPIC, 0), timeout=30)[1]
    consumer.assign([TopicPartition(TOPIC, 0, end)])
    seconds = []
    for place in range(count):
        begun = time.monotonic()
        producer.produce(TOPIC, b"x" * 2000, str(place).encode(), 0, on_delivery=lambda error, _: acknowledged.append(error))
        producer.flush(60)
        read = None
        while read is None or read.error():
            read = consumer.poll(0.05)
            if time.monotonic() - begun > 60:
                raise RuntimeError(f"append {place} did not come back within a minute")
        if acknowledged[-1] is not None or read.key() != str(place).encode():
            raise RuntimeError(f"append {place} was lost: {acknowledged[-1]}")
        seconds.append(time.monotonic() - begun)
    consumer.close()
    return seconds[count // 10 :]


def quota(bootstrap: str, name: str) -> None:
    """Kafka's own tool: at most so many bytes a second, and a tenth of a thread's time, for all clients of this name."""
    target = os.environ.get("CARGO_TARGET_DIR", golden.ROOT / "target")
    jars = f"{glob.glob(f'{target}/kafka-libs-*[0-9a-f]')[0]}/*"
    command = ["java", "-cp", jars, "kafka.admin.ConfigCommand", "--bootstrap-server", bootstrap, "--alter"]
    command += ["--entity-type", "clients", "--entity-name", name]
    command += ["--add-config", f"consumer_byte_rate={QUOTA},request_percentage=10"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--appends", type=int, default=200, help="of each case [default: %(default)s]")
    for name in ("--beside", "--name", "--bootstrap"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.beside:
        {"flood": flood, "silence": silence}[given.beside](given.bootstrap, given.name)
    cluster = Cluster()
    alone = 0.0

    def tell(case: str) -> None:
        nonlocal alone
        seconds = appends(cluster.bootstrap, given.appends)
        median, late = statistics.median(seconds), sorted(seconds)[len(seconds) * 99 // 100]
        alone = alone or median
        figures = {"median_ms": round(median * 1000, 2), "p99_ms": round(late * 1000, 2), "ratio": round(median / alone, 2)}
        print(json.dumps({"case": case, "appends": given.appends} | figures), flush=True)

    try:
        for made in cluster._admin.create_topics([NewTopic(TOPIC, PARTITIONS, 1)]).values():
            made.result()
        fill(cluster.bootstrap)
        # The broker compiles itself while it is new.
        appends(cluster.bootstrap, 3 * given.appends)
        tell("alone")
        with beside(cluster.bootstrap, silence, 1, "silent"):
            tell("beside 20 readers that never poll")
        with beside(cluster.bootstrap, flood, 3, "flood"):
            tell("beside 3 readers that read everything over and over")
        quota(cluster.bootstrap, "limited")
        with beside(cluster.bootstrap, flood, 3, "limited"):
            tell("beside the same 3 readers under a quota")
        tell("alone again")
    finally:
        cluster.close()


if __name__ == "__main__":
    main()
