"""Copy a laptop's campaigns to a cluster: every record of a state directory's log, appended to the same topics.

    python copy_log.py .move37/log.db --bootstrap localhost:9092

Create the topics first (`move37 topics apply`). The records are appended as they are: readers judge by chains, so a copy
that was interrupted is simply made again, and what is there already loses as a duplicate. Do not go on with the campaign
in both places: the first record of a place wins, and the other history is dropped. Needs a user who may write every
journal.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys

from confluent_kafka import Producer

from move37_facts import JOURNALS
from move37_stream import arguments, client_settings


def main() -> int:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("log", help="the file log.db of a state directory")
    given = parser.parse_args()

    prefix = os.environ.get("MOVE37_KAFKA__PREFIX", "")
    settings = client_settings() | ({"bootstrap.servers": given.bootstrap} if given.bootstrap else {})
    # Idempotence keeps each partition's records in order, whatever is sent again.
    producer = Producer(settings | {"acks": "all", "enable.idempotence": True, "compression.codec": "lz4"})
    failed = []

    def delivered(error, message) -> None:
        if error:
            failed.append(f"{message.topic()}/{message.partition()}: {error.str()}")

    copied = 0
    log = sqlite3.connect(f"file:{given.log}?mode=ro", uri=True)
    for topic, partition, key, headers, body in log.execute(
        "SELECT topic, partition, key, headers, body FROM records ORDER BY id"
    ):
        attributes = dict(json.loads(headers))
        # A chain is copied whole or not at all, so workers' facts about other campaigns come along.
        if topic not in JOURNALS or (given.campaign and topic != "move37.runs" and key != given.campaign):
            continue
        pairs = [(name, value.encode()) for name, value in attributes.items()]
        while True:
            try:
                producer.produce(prefix + topic, body, key.encode(), partition, on_delivery=delivered, headers=pairs)
                break
            except BufferError:
                producer.poll(1.0)
        producer.poll(0)
        copied += 1
    left = producer.flush(120)
    for line in failed[:10]:
        print(f"error: {line}", file=sys.stderr)
    print(json.dumps({"copied": copied - left - len(failed), "failed": left + len(failed)}))
    return 3 if left or failed else 0


if __name__ == "__main__":
    sys.exit(main())
