"""Which records of Move37's streams are facts: pure rules, without Kafka.

A record is a fact if it is well formed (CloudEvents 1.0 headers), lies in the partition of its key, comes from the role
that owns its topic, and is the first to claim its place in its chain with the hash of the fact before it. Everything
else is dropped by every reader alike, so duplicates and the records of zombies change nothing. The rules are those of
the Rust crates (shared/core, shared/eventlog); tests hold this file to golden records written by them.
"""

from __future__ import annotations

import datetime
import enum
import json
import re
import struct
from dataclasses import dataclass, field
from pathlib import Path

from blake3 import blake3
from jsonschema import Draft202012Validator

# Topics with the role that alone may write them, and their partitions: kafka/topics.yaml, to which a test holds this.
JOURNALS = {
    "move37.campaigns": ("operator", 12),
    "move37.memory": ("memory", 12),
    "move37.researcher": ("researcher", 12),
    "move37.engineer": ("engineer", 12),
    "move37.trainer": ("trainer", 12),
    "move37.runs": ("worker", 12),
    "move37.analyst": ("analyst", 12),
}

GENESIS = "0" * 64
SCHEMAS = Path(__file__).resolve().parents[2] / "kafka" / "schemas"

_NEEDED = ("content-type", "ce_specversion", "ce_id", "ce_source", "ce_type", "ce_time", "ce_sequence", "ce_previoushash")
_OPTIONAL = ("ce_subject", "ce_causationid", "ce_correlationid", "ce_traceparent")

_NAME = r"[a-zA-Z0-9._-]{1,100}"
_PLACE = r"[1-9][0-9]{0,19}"
_FORMS = {
    "content-type": re.compile(r"application/json"),
    "ce_specversion": re.compile(r"1\.0"),
    "ce_id": re.compile(f"({_NAME})/({_NAME})/({_PLACE})"),
    "ce_source": re.compile(_NAME),
    "ce_type": re.compile(r"move37\.([a-z._]+)\.v([1-9][0-9]{0,9})"),
    # One text per time, as everywhere: two texts of one value would share a chain hash.
    "ce_time": re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{0,2}[1-9])?Z", re.ASCII),
    "ce_sequence": re.compile(_PLACE),
    "ce_previoushash": re.compile(r"[0-9a-f]{64}"),
    "ce_causationid": re.compile(f"{_NAME}/{_NAME}/{_PLACE}"),
    "ce_correlationid": re.compile(_NAME),
}


class Malformed(ValueError):
    """A record that is no fact, whatever its chain says."""


@dataclass(frozen=True)
class Record:
    """A record as Kafka holds it."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: list[tuple[str, bytes | None]]
    value: bytes | None


@dataclass(frozen=True)
class Fact:
    """A fact: its attributes, its body, and where it lies."""

    id: str
    """Its name: ``key/source/sequence``."""
    key: str
    source: str
    sequence: int
    type: str
    """``move37.<name>.v<version>``."""
    name: str
    version: int
    time: datetime.datetime
    previous: str
    """Hash of the chain's fact before it."""
    subject: str | None
    """The experiment or the run that it is about."""
    cause: str | None
    campaign: str | None
    traceparent: str | None
    hash: str
    topic: str
    partition: int
    offset: int
    raw: bytes = field(repr=False)
    """The body, byte for byte."""

    @property
    def body(self) -> dict:
        """The body as Python values."""
        return json.loads(self.raw)

    @property
    def experiment(self) -> int | None:
        """The experiment: the subject itself, or what a run's name begins with."""
        first = (self.subject or "").split("-")[0]
        return int(first) if re.fullmatch("[0-9]+", first) else None


def _text(value: bytes | None) -> str:
    """A text; what is none gets replacement characters, which no key and no checked attribute contains."""
    return "\ufffd" if value is None else value.decode("utf-8", errors="replace")


def parse(record: Record) -> Fact:
    """Read a record's key, headers and body; raises `Malformed`."""
    values: dict[str, str] = {}
    for name, value in record.headers or []:
        if name in values:
            raise Malformed(f"the header {name} appears more than once")
        if name in _NEEDED or name in _OPTIONAL:
            values[name] = _text(value)
    for name in _NEEDED:
        if name not in values:
            raise Malformed(f"the header {name} is missing")
    for name, form in _FORMS.items():
        if name in values and not form.fullmatch(values[name]):
            raise Malformed(f"the header {name} reads {values[name]!r}")

    key, source, place = _text(record.key), values["ce_source"], values["ce_sequence"]
    if values["ce_id"] != f"{key}/{source}/{place}":
        raise Malformed(f"the id {values['ce_id']} is not key {key}, source {source}, place {place}")
    kind = _FORMS["ce_type"].fullmatch(values["ce_type"])
    raw = record.value or b""
    return Fact(
        id=values["ce_id"],
        key=key,
        source=source,
        sequence=_below(int(place), 64, "ce_sequence"),
        type=values["ce_type"],
        name=kind[1],
        version=_below(int(kind[2]), 32, "ce_type"),
        time=_time(values["ce_time"]),
        previous=values["ce_previoushash"],
        subject=values.get("ce_subject"),
        cause=values.get("ce_causationid"),
        campaign=values.get("ce_correlationid"),
        traceparent=values.get("ce_traceparent"),
        hash=chain_hash(key, values, raw),
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        raw=raw,
    )


def _below(number: int, bits: int, name: str) -> int:
    if number >= 1 << bits:
        raise Malformed(f"the header {name} reads {number}, which is too large")
    return number


def _time(text: str) -> datetime.datetime:
    try:
        # Python before 3.11 reads neither Z nor every number of decimals.
        time = datetime.datetime.fromisoformat(text[:19] + (text[19:-1] + "000")[:4] * ("." in text) + "+00:00")
    except ValueError as error:
        raise Malformed(f"the header ce_time reads {text!r}: {error}") from None
    if time.year < 1970:
        raise Malformed(f"the header ce_time reads {text!r}, which is before 1970")
    return time


def chain_hash(key: str, attributes: dict[str, str], body: bytes) -> str:
    """BLAKE3 over the key, every attribute's name and value in a fixed order, and the stored body, each preceded by its
    length in 8 bytes, little endian."""
    digest = blake3()
    fields = [key.encode()]
    for name in _NEEDED + _OPTIONAL:
        if name in attributes:
            fields += [name.encode(), attributes[name].encode()]
    for part in [*fields, body]:
        digest.update(struct.pack("<Q", len(part)))
        digest.update(part)
    return digest.hexdigest()


def murmur2(data: bytes) -> int:
    """MurmurHash2 of 32 bits with the seed of Kafka's Java client."""
    multiplier, mask = 0x5BD1E995, 0xFFFFFFFF
    h = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for (k,) in struct.iter_unpack("<I", data[:whole]):
        k = k * multiplier & mask
        k = (k ^ k >> 24) * multiplier & mask
        h = h * multiplier & mask ^ k
    if data[whole:]:
        h = (h ^ int.from_bytes(data[whole:], "little")) * multiplier & mask
    h = (h ^ h >> 13) * multiplier & mask
    return h ^ h >> 15


def partition_of(key: str, partitions: int) -> int:
    """The partition that holds a key."""
    return (murmur2(key.encode()) & 0x7FFFFFFF) % partitions


class Verdict(enum.Enum):
    """What a reader makes of a record."""

    WON = "won"
    """It is the fact of its place."""
    DUPLICATE = "duplicate"
    """Dropped: the same record again. Ordinary."""
    RACED = "raced"
    """Dropped: another record came first, or this one goes on from a loser. Ordinary."""
    CORRUPT = "corrupt"
    """Dropped: it names a past that never was. Worth an alarm."""
    REFUSED = "refused"
    """Dropped: malformed, in the wrong partition, or from a source that may not write the topic."""


@dataclass
class Chain:
    """The facts of one (key, source), by their hashes. The winner of place n is `winners[n]`; place 0 is the beginning."""

    winners: list[str] = field(default_factory=lambda: [GENESIS])
    losers: dict[int, set[str]] = field(default_factory=dict)

    def offer(self, sequence: int, previous: str, own: str) -> tuple[Verdict, str]:
        """Judge the next record of the partition, and take its place in if it wins."""
        head, before = len(self.winners) - 1, sequence - 1
        if before == head and previous == self.winners[head]:
            self.winners.append(own)
            return Verdict.WON, ""
        if previous not in self.losers.get(before, ()):
            if before > head:
                return Verdict.CORRUPT, f"its place is {sequence}, but the chain ends at {head}: facts are missing"
            if previous != self.winners[before]:
                return Verdict.CORRUPT, f"its previous hash names no record seen at place {before}"
        if sequence <= head and self.winners[sequence] == own:
            return Verdict.DUPLICATE, "the same record again"
        self.losers.setdefault(sequence, set()).add(own)
        return Verdict.RACED, "another record came first"


class Judge:
    """Judges the records of a log in the order of their partitions. Every chain must be read from its start."""

    def __init__(self) -> None:
        self.chains: dict[tuple[str, str], Chain] = {}

    def judge(self, record: Record) -> tuple[Verdict, Fact | None, str]:
        """The verdict, the record as a fact where it could be read, and what is wrong otherwise."""
        writer, partitions = JOURNALS[record.topic]
        try:
            fact = parse(record)
        except Malformed as error:
            return Verdict.REFUSED, None, str(error)
        expected = partition_of(fact.key, partitions)
        if record.partition != expected:
            return Verdict.REFUSED, fact, f"its key belongs to partition {expected}"
        if fact.source != writer:
            return Verdict.REFUSED, fact, f"{fact.source} may not write this topic"
        chain = self.chains.setdefault((fact.key, fact.source), Chain())
        verdict, why = chain.offer(fact.sequence, fact.previous, fact.hash)
        return verdict, fact, why


class Schemas:
    """The JSON Schemas of all facts, one file per type and version."""

    def __init__(self, folder: Path = SCHEMAS) -> None:
        files = sorted(Path(folder).glob("*.v*.json"))
        if not files:
            raise FileNotFoundError(f"{folder} holds no schemas: copy kafka/schemas there, or name their folder")
        self._validators = {}
        for file in files:
            schema = json.loads(file.read_text())
            Draft202012Validator.check_schema(schema)
            self._validators[file.stem] = Draft202012Validator(schema)

    def fault(self, fact: Fact) -> str | None:
        """What is wrong with a fact's body; nothing if it keeps to its schema."""
        validator = self._validators.get(f"{fact.name}.v{fact.version}")
        if validator is None:
            return f"{fact.type} has no schema here: it is newer than this copy of kafka/schemas, or no fact at all"
        try:
            body = json.loads(fact.raw, parse_constant=_no_number)
        except ValueError as error:
            return f"its body is no JSON: {error}"
        error = next(validator.iter_errors(body), None)
        return error and f"{error.json_path}: {error.message[:200]}"


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no JSON number")
