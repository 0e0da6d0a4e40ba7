"""Copy a laptop's campaigns to a cluster: every record of a state directory's log, appended to the same topics.

    python copy_log.py .move37/log.db --bootstrap localhost:9092

Create the topics first (`move37 topics apply`). The records are appended as they are: readers judge by chains, so a copy
that was interrupted is simply made again, and what is there already loses as a duplicate. Do not go on with the campaign
in both places: the first record of a place wins, and the other history is dropped. Needs a user who may write every
journal.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import sys

from confluent_kafka import KafkaException, Producer

from move37_facts import JOURNALS
from move37_stream import arguments, client_settings


def main() -> int:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("log", help="the file log.db of a state directory")
    given = parser.parse_args()

    try:
        copied, failed = copy(given)
    except (KafkaException, SystemError) as error:
        # The client library raises what makes a producer unusable in whatever call comes next, wrapped.
        cause = error.__cause__ or error
        print(f"error: nothing more can be appended ({cause.args[0]}): check the user's rights", file=sys.stderr)
        return 3
    for line in failed[:10]:
        print(f"error: {line}", file=sys.stderr)
    print(json.dumps({"copied": copied - len(failed), "failed": len(failed)}))
    return 3 if failed else 0


def copy(given: argparse.Namespace) -> tuple[int, list[str]]:
    """How many records were appended, and what became of those that were not."""
    prefix = os.environ.get("MOVE37_KAFKA__PREFIX", "")
    settings = client_settings() | ({"bootstrap.servers": given.bootstrap} if given.bootstrap else {})
    # Idempotence keeps each partition's records in order, whatever is sent again.
    how = {"acks": "all", "enable.idempotence": True, "compression.codec": "lz4", "log_level": 0}
    producer = Producer(settings | how)
    failed: list[str] = []

    def delivered(error, message) -> None:
        if error:
            failed.append(f"{message.topic()}/{message.partition()}: {error.str()}")

    copied = 0
    log = sqlite3.connect(f"file:{given.log}?mode=ro", uri=True)
    for topic, partition, key, headers, body in log.execute(
        "SELECT topic, partition, key, headers, body FROM records ORDER BY id"
    ):
        # A chain is copied whole or not at all, so workers' facts about other campaigns come along.
        if topic not in JOURNALS or (given.campaign and topic != "move37.runs" and key != given.campaign):
            continue
        pairs = [(name, value.encode()) for name, value in json.loads(headers)]
        while True:
            try:
                producer.produce(prefix + topic, body, key.encode(), partition, on_delivery=delivered, headers=pairs)
                break
            except BufferError:
                producer.poll(1.0)
        producer.poll(0)
        copied += 1
    left = producer.flush(120)
    failed += [f"{left} records were not acknowledged within two minutes"] * left
    return copied, failed


if __name__ == "__main__":
    sys.exit(main())
