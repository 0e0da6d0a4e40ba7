"""The facts of a Move37 cluster as a Python stream, for whoever wants to study a discovery.

    from move37_stream import Stream

    with Stream("localhost:9092") as stream:
        for fact in stream:                       # for ever; stream.facts(until_live=True) ends at the live edge
            if fact.name == "fitness.scored":
                print(fact.campaign, fact.experiment, fact.body["fitness"])

Chains are judged (the first record wins) and bodies are held against kafka/schemas before anything is delivered. What is
no fact and should not be there is reported as a `Flaw`, not raised, unless `strict` is set. Duplicates and lost races
are ordinary and only counted.

Nothing here acts on the services: all partitions are assigned by hand, no group is joined, nothing is committed. How far
one has come is a `point`, a plain list to be stored with whatever was made of the facts; it names chains, not offsets,
so that it means the same on a mirrored cluster, and the Rust crate shared/consumer reads and writes the same.

There is no order across topics: the score of an experiment may be delivered before its training. Within one topic and
campaign, facts come in their order. Every partition is read from its beginning, since only then it is known which
record holds a place: `start` limits what is delivered, not what is read.
"""

from __future__ import annotations

import argparse
import collections
import json
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

from move37_facts import GENESIS, JOURNALS, SCHEMAS, Fact, Judge, Record, Schemas, Verdict

BEGINNING = "beginning"
"""Deliver every fact."""
NOW = "now"
"""Deliver what is appended after the opening."""

PATIENCE = 30
"""Seconds that a question to the brokers may take."""

# Only that a broker is away or busy: the client library goes on trying.
_ABSENCE = frozenset(
    (
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._RESOLVE,
        KafkaError._TIMED_OUT,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NETWORK_EXCEPTION,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.NOT_COORDINATOR,
    )
)

logger = logging.getLogger("move37")
# The client library tells of every attempt to connect; who wants to hear it sets another level.
_library = logging.getLogger("move37.librdkafka")
_library.setLevel(logging.CRITICAL)


class StreamError(Exception):
    """The stream cannot go on; says what to do."""


@dataclass(frozen=True)
class Flaw:
    """A record that is no fact and should not be there, or a fact whose body does not keep to its schema."""

    verdict: Verdict
    """`WON` where only the body is at fault."""
    record: Record
    id: str | None
    """The name that it bears, as far as it can be read."""
    why: str

    def __str__(self) -> str:
        at = f"{self.record.topic}/{self.record.partition}@{self.record.offset}"
        return f"{at}: {self.id + ': ' if self.id else ''}{self.why}"


class Flawed(StreamError):
    """What `strict` raises."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(str(flaw))
        self.flaw = flaw


def client_settings(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Settings of librdkafka from the variables that Move37's services read too: MOVE37_KAFKA__BOOTSTRAP, and of
    MOVE37_KAFKA__SECURITY__ the names TLS, CA_FILE, CERTIFICATE_FILE, KEY_FILE, USERNAME, PASSWORD or PASSWORD_FILE,
    MECHANISM (SCRAM-SHA-512 unless it says otherwise)."""

    def security(name: str) -> str | None:
        return environment.get(f"MOVE37_KAFKA__SECURITY__{name}") or None

    settings = {"bootstrap.servers": environment.get("MOVE37_KAFKA__BOOTSTRAP", "localhost:9092")}
    is_tls, user = (security("TLS") or "").lower() in ("1", "true"), security("USERNAME")
    settings["security.protocol"] = ("sasl_" if user else "") + ("ssl" if is_tls else "plaintext")
    files = {"CA_FILE": "ssl.ca.location", "CERTIFICATE_FILE": "ssl.certificate.location", "KEY_FILE": "ssl.key.location"}
    settings |= {option: path for name, option in files.items() if (path := security(name))}
    if user:
        file = security("PASSWORD_FILE")
        password = Path(file).read_text().rstrip("\r\n") if file else security("PASSWORD")
        if not password:
            raise StreamError("a user without a password: set MOVE37_KAFKA__SECURITY__PASSWORD_FILE")
        mechanism = security("MECHANISM") or "SCRAM-SHA-512"
        settings |= {"sasl.mechanisms": mechanism, "sasl.username": user, "sasl.password": password}
    return settings


class Stream:
    """A running read of some topics. Iterate it, or ask `poll` for the next fact.

    bootstrap: brokers as host:port, separated by commas; without it, the environment's.
    start: `BEGINNING`, `NOW`, or a point that was stored (`load_point`).
    topics: full names without the prefix; all journals by default.
    on_flaw, on_live: called with each flaw, and once when everything that was in the log at the opening is delivered.
    on_passed: called with each fact before the start, which is read but not delivered.
    schemas: folder of the JSON Schemas; None checks no body.
    settings: further settings of librdkafka.
    """

    def __init__(
        self,
        bootstrap: str | None = None,
        *,
        start: str | list = BEGINNING,
        topics: Iterable[str] = tuple(JOURNALS),
        strict: bool = False,
        on_flaw: Callable[[Flaw], None] | None = None,
        on_live: Callable[[], None] | None = None,
        on_passed: Callable[[Fact], None] | None = None,
        schemas: Path | None = SCHEMAS,
        prefix: str | None = None,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self.live = False
        """Whether everything that was in the log at the opening is delivered."""
        self.delivered: collections.Counter[str] = collections.Counter()
        """Facts delivered, by topic."""
        self.dropped: collections.Counter[str] = collections.Counter()
        """Records that won no place, by verdict."""
        self.invalid = 0
        """Facts that hold their place, but whose body does not keep to its schema."""

        self._strict, self._on_flaw, self._on_live, self._on_passed = strict, on_flaw, on_live, on_passed
        self._schemas = schemas and Schemas(schemas)
        self._judge = Judge()
        self._prefix = os.environ.get("MOVE37_KAFKA__PREFIX", "") if prefix is None else prefix
        self._from = {} if isinstance(start, str) else _marks(start)
        self._point = dict(self._from)
        self._last_error = ""

        config = client_settings() | ({"bootstrap.servers": bootstrap} if bootstrap else {})
        config |= {
            "client.id": "move37-python",
            # Named because the client library wants one; never joined, and nothing is committed to it.
            "group.id": f"{self._prefix}move37.readers",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 50,
            "queued.max.messages.kbytes": 16384,
            "reconnect.backoff.max.ms": 1000,
            "error_cb": self._told,
        }
        self._consumer = Consumer(config | dict(settings or {}), logger=_library)
        try:
            partitions = self._partitions(topics)
            self._to_reach = {(at.topic, at.partition) for at in partitions}
            self._ends = self._ask_ends(partitions) if start == NOW else {}
            self._consumer.assign(partitions)
        except BaseException:
            self._consumer.close()
            raise

    def __enter__(self) -> Stream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the read."""
        self._consumer.close()

    def __iter__(self) -> Iterator[Fact]:
        return self.facts()

    def facts(self, until_live: bool = False) -> Iterator[Fact]:
        """The facts, for ever or up to the live edge."""
        while not (until_live and self.live):
            if fact := self.poll(1.0):
                yield fact

    def poll(self, timeout: float) -> Fact | None:
        """The next fact, or nothing if none came within so many seconds."""
        deadline = time.monotonic() + timeout
        while True:
            message = self._consumer.poll(max(0.0, deadline - time.monotonic()))
            if message is not None and (fact := self._take(message)):
                return fact
            if time.monotonic() >= deadline:
                return None

    @property
    def point(self) -> list[dict[str, str]]:
        """How far this stream has come: of every chain the last fact that was delivered or passed over."""
        return [{"id": f"{key}/{source}/{place}", "hash": hash} for (key, source), (place, hash) in self._point.items()]

    def _told(self, error: KafkaError) -> None:
        """What the client library reports: the reason why nothing comes, above all of a login that failed."""
        if error.code() != KafkaError._ALL_BROKERS_DOWN:
            self._last_error = error.str()
        logger.info("the client of Kafka reports: %s", error)

    def _take(self, message) -> Fact | None:
        if error := message.error():
            if error.code() == KafkaError._PARTITION_EOF:
                self._reached(message.topic(), message.partition())
                return None
            if error.code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                # No group is used, so no right to one is needed.
                return None
            if error.code() in _ABSENCE:
                logger.info("reading waits for a broker: %s", error)
                return None
            raise StreamError(f"{message.topic() or 'the streams'} cannot be read: {error.str()}")
        topic = message.topic()[len(self._prefix) :]
        at = (topic, message.partition(), message.offset())
        record = Record(*at, message.key(), message.headers() or [], message.value())
        verdict, fact, why = self._judge.judge(record)
        if verdict is not Verdict.WON:
            self.dropped[verdict.value] += 1
            if verdict in (Verdict.CORRUPT, Verdict.REFUSED):
                self._flaw(Flaw(verdict, record, fact and fact.id, why))
            return None
        if self._passed(fact) or message.offset() < self._ends.get((message.topic(), message.partition()), 0):
            if self._on_passed:
                self._on_passed(fact)
            return None
        if self._schemas and (fault := self._schemas.fault(fact)):
            self.invalid += 1
            self._flaw(Flaw(verdict, record, fact.id, fault))
            return None
        self.delivered[topic] += 1
        return fact

    def _passed(self, fact: Fact) -> bool:
        """Move past a fact; whether the point at which we started had passed it already."""
        chain = (fact.key, fact.source)
        place, hash = self._from.get(chain, (0, GENESIS))
        if fact.sequence == place and fact.hash != hash:
            raise StreamError(f"the point names another fact as {fact.id} than this log holds: it is of another history")
        if fact.sequence > place:
            self._point[chain] = (fact.sequence, fact.hash)
        return fact.sequence <= place

    def _flaw(self, flaw: Flaw) -> None:
        if self._strict:
            raise Flawed(flaw)
        logger.warning("%s", flaw)
        if self._on_flaw:
            self._on_flaw(flaw)

    def _reached(self, topic: str, partition: int) -> None:
        self._to_reach.discard((topic, partition))
        if not self._to_reach and not self.live:
            self.live = True
            if self._on_live:
                self._on_live()

    def _partitions(self, topics: Iterable[str]) -> list[TopicPartition]:
        found = self._ask(lambda left: self._consumer.list_topics(timeout=left)).topics
        partitions = []
        for topic in topics:
            name, declared = self._prefix + topic, JOURNALS[topic][1]
            if name not in found:
                raise StreamError(f"there is no topic {name}, or this user may not see it: see `move37 topics`")
            if len(found[name].partitions) != declared:
                raise StreamError(f"{name} has {len(found[name].partitions)} partitions where {declared} are declared")
            partitions += [TopicPartition(name, partition, OFFSET_BEGINNING) for partition in range(declared)]
        return partitions

    def _ask_ends(self, partitions: list[TopicPartition]) -> dict[tuple[str, int], int]:
        # Where a time is asked for, -1 stands for the end.
        asked = [TopicPartition(at.topic, at.partition, -1) for at in partitions]
        answered = self._ask(lambda left: self._consumer.offsets_for_times(asked, timeout=left))
        return {(at.topic, at.partition): at.offset for at in answered}

    def _ask(self, question: Callable):
        """Ask the brokers; where one is away or a leader has just moved, ask again for a while."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return question(max(1.0, deadline - time.monotonic()))
            except KafkaException as error:
                why = error.args[0]
                if why.code() not in _ABSENCE:
                    raise StreamError(f"the brokers refuse ({why.str()}): check user and access rules") from None
                # Errors are told while polling.
                self._consumer.poll(0)
                if time.monotonic() >= deadline:
                    why = self._last_error or why.str()
                    raise StreamError(f"no broker answers ({why}): check address, TLS and user") from None
                time.sleep(0.2)


def _marks(point: list) -> dict[tuple[str, str], tuple[int, str]]:
    marks = {}
    for mark in point:
        key, source, place = mark["id"].split("/")
        marks[key, source] = (int(place), mark["hash"])
    return marks


def load_point(path: str | os.PathLike) -> str | list:
    """A stored point; the beginning where there is none yet."""
    path = Path(path)
    return json.loads(path.read_text()) if path.exists() else BEGINNING


def save_point(path: str | os.PathLike, point: list) -> None:
    """Store a point: the old one or the new one survives a crash, never half of one."""
    path = Path(path)
    draft = path.with_name(path.name + ".new")
    draft.write_text(json.dumps(point))
    draft.replace(path)


def arguments(description: str) -> argparse.ArgumentParser:
    """The options that the examples share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--bootstrap", metavar="HOST:PORT", help="brokers [default: MOVE37_KAFKA__BOOTSTRAP, or localhost:9092]")
    parser.add_argument("--campaign", help="only this campaign [default: all, or the newest where one is needed]")
    parser.add_argument("--until-live", action="store_true", help="stop at the live edge instead of waiting for more")
    return parser
