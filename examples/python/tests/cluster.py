"""A real broker for the tests that need one, and ways to put records on it."""

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path

from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic

import golden
from move37_facts import JOURNALS, Record

PATIENCE = 300
"""Longest wait for a broker: on a fresh machine its jars are fetched first."""


class Cluster:
    """One broker of kafka/broker/start.sh; each test has topics of its own by a prefix."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="move37-broker-")
        port, controller = _free_port(), _free_port()
        self.bootstrap = f"127.0.0.1:{port}"
        command = ["bash", str(golden.ROOT / "kafka" / "broker" / "start.sh"), "--while-stdin-is-open"]
        command += ["--directory", self._folder.name, "--port", str(port), "--controller-port", str(controller)]
        # It ends with this process, however that ends.
        self._script = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=os.environ)
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        self._producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 1, "log_level": 0})
        self._prefixes = count()
        self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                self._admin.list_topics(timeout=1)
                return
            except KafkaException:
                log = Path(self._folder.name, "broker.log")
                if self._script.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the broker did not start: {log.read_text() if log.exists() else ''}") from None

    def close(self) -> None:
        """End the broker."""
        broker = int(Path(self._folder.name, "pid").read_text())
        self._script.stdin.close()
        self._script.wait()
        # The script need not wait for the broker, which still writes to its folder.
        with contextlib.suppress(ProcessLookupError):
            os.kill(broker, signal.SIGKILL)
            for _ in range(200):
                os.kill(broker, 0)
                time.sleep(0.05)
        self._folder.cleanup()

    def topics(self, topics=JOURNALS) -> str:
        """Make topics; their prefix."""
        prefix = f"t{next(self._prefixes)}."
        new = [NewTopic(prefix + topic, JOURNALS[topic][1], 1) for topic in topics]
        for made in self._admin.create_topics(new).values():
            made.result()
        return prefix

    def append(self, prefix: str, *records: Record) -> None:
        """Append records where they say they lie."""
        for at in records:
            self._producer.produce(prefix + at.topic, at.value, at.key, at.partition, headers=at.headers)
            # One by one: the tests are about the order.
            if self._producer.flush(30):
                raise RuntimeError("the broker does not take records")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]
