"""What the Rust tests wrote down, and records made of it."""

import json
from dataclasses import replace
from pathlib import Path

from move37_facts import GENESIS, Record

ROOT = Path(__file__).resolve().parents[3]
GOLDEN = ROOT / "shared" / "events" / "golden"
CHAIN = json.loads((GOLDEN / "chain" / "records.json").read_text())


def record(entry: dict, offset: int = 0) -> Record:
    """A record of the golden chain as Kafka would hold it."""
    headers = [(name, value.encode()) for name, value in entry["headers"]]
    return Record(entry["topic"], entry["partition"], offset, entry["key"].encode(), headers, entry["body"].encode())


def first() -> Record:
    """The chain's first fact."""
    return record(CHAIN[0])


def with_header(of: Record, name: str, value: bytes | None) -> Record:
    """The same record with another value of a header."""
    return replace(of, headers=[(n, value if n == name else v) for n, v in of.headers])


def of_type(kind: str, body: bytes) -> Record:
    """A first fact of some type with some body."""
    return replace(with_header(first(), "ce_type", kind.encode()), value=body)


assert dict(CHAIN[0]["headers"])["ce_previoushash"] == GENESIS
