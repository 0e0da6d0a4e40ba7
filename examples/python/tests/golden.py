"""What the Rust tests wrote down, and records made of it."""

import json
from dataclasses import replace
from pathlib import Path

from move37_facts import GENESIS, JOURNALS, Record, parse, partition_of

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


def facts(*written: tuple[str, str, str, dict]) -> list[Record]:
    """Records that hold their places: of (topic, key, name, changes to the golden body) each."""
    heads: dict[str, tuple[int, str]] = {}
    records = []
    for offset, (topic, key, name, changes) in enumerate(written):
        source, partitions = JOURNALS[topic]
        place, previous = heads.get(topic + key, (0, GENESIS))
        body = json.loads((GOLDEN / f"{name}.v1.json").read_text()) | changes
        headers = {
            "content-type": "application/json",
            "ce_specversion": "1.0",
            "ce_id": f"{key}/{source}/{place + 1}",
            "ce_source": source,
            "ce_type": f"move37.{name}.v1",
            "ce_time": f"2026-01-01T00:00:0{offset}Z",
            "ce_sequence": str(place + 1),
            "ce_previoushash": previous,
        }
        subject = body.get("run", body.get("experiment"))
        headers |= {"ce_subject": str(subject)} if subject else {}
        headers |= {} if name.startswith("worker.") else {"ce_correlationid": "campaign-1"}
        pairs = [(header, value.encode()) for header, value in headers.items()]
        at = Record(topic, partition_of(key, partitions), offset, key.encode(), pairs, json.dumps(body).encode())
        heads[topic + key] = (place + 1, parse(at).hash)
        records.append(at)
    return records


assert dict(CHAIN[0]["headers"])["ce_previoushash"] == GENESIS
