"""The stream and the examples on a real broker."""

import contextlib
import io
import json
import logging
import sqlite3
import sys
import tempfile
import unittest
from collections import Counter
from dataclasses import replace
from pathlib import Path
from unittest import mock

import best_fitness
import cluster
import copy_log
import golden
from move37_facts import Verdict, parse
from move37_stream import NOW, Flawed, Stream, StreamError, load_point, save_point
from observations import Bridge, Curve, Result, Writer

CLUSTER: cluster.Cluster
TOPICS = ["move37.campaigns", "move37.memory"]
RECORDS = [golden.record(entry) for entry in golden.CHAIN]
WON = {entry["hash"] for entry in golden.CHAIN if entry["verdict"] == "won"}


def setUpModule():
    global CLUSTER
    # Flaws are what is tested here.
    logging.getLogger("move37").setLevel(logging.ERROR)
    CLUSTER = cluster.Cluster()
    unittest.addModuleCleanup(CLUSTER.close)


def stream(prefix: str, **options) -> Stream:
    options = {"schemas": None} | options
    return Stream(CLUSTER.bootstrap, prefix=prefix, topics=TOPICS, **options)


def delivered(prefix: str, **options) -> list:
    with stream(prefix, **options) as facts:
        return list(facts.facts(until_live=True))


class Streams(unittest.TestCase):
    def test_only_what_holds_its_place_is_delivered(self):
        good = golden.first()
        misplaced = replace(good, partition=good.partition + 1)
        malformed = replace(good, headers=[("ce_id", b"x")])
        prefix, flaws, live = CLUSTER.topics(TOPICS), [], []
        CLUSTER.append(prefix, misplaced, malformed, *RECORDS)
        with stream(prefix, on_flaw=flaws.append, on_live=lambda: live.append(True)) as facts:
            seen = [fact.hash for fact in facts.facts(until_live=True)]
            self.assertEqual(set(seen), WON)
            self.assertEqual(len(seen), len(WON))
            expected = Counter(entry["verdict"] for entry in golden.CHAIN if entry["verdict"] != "won")
            self.assertEqual(facts.dropped, expected + Counter(refused=2))
            self.assertEqual(live, [True])
        verdicts = Counter(flaw.verdict for flaw in flaws)
        self.assertEqual(verdicts, {Verdict.CORRUPT: expected["corrupt"], Verdict.REFUSED: 2})

    def test_strict_raises_the_first_flaw(self):
        prefix = CLUSTER.topics(TOPICS)
        CLUSTER.append(prefix, golden.first(), replace(golden.first(), headers=[]))
        with self.assertRaises(Flawed) as raised:
            delivered(prefix, strict=True)
        self.assertEqual(raised.exception.flaw.record.offset, 1)

    def test_a_stream_goes_on_at_a_stored_point(self):
        prefix = CLUSTER.topics(TOPICS)
        CLUSTER.append(prefix, *RECORDS)
        with stream(prefix) as facts, tempfile.TemporaryDirectory() as folder:
            first = next(facts.facts())
            path = Path(folder, "point.json")
            self.assertEqual(len(delivered(prefix, start=load_point(path))), len(WON), "no point is the beginning")
            save_point(path, facts.point)
            rest = delivered(prefix, start=load_point(path))
        self.assertEqual({first.hash} | {fact.hash for fact in rest}, WON)
        self.assertEqual(len(rest), len(WON) - 1)

    def test_a_point_of_another_history_is_refused(self):
        prefix = CLUSTER.topics(TOPICS)
        CLUSTER.append(prefix, golden.first())
        with self.assertRaisesRegex(StreamError, "another history"):
            delivered(prefix, start=[{"id": "campaign-1/operator/1", "hash": "f" * 64}])

    def test_from_now_on_chains_are_known_from_their_start(self):
        prefix = CLUSTER.topics(TOPICS)
        CLUSTER.append(prefix, *RECORDS[:2])
        with stream(prefix, start=NOW) as facts:
            self.assertEqual(list(facts.facts(until_live=True)), [])
            CLUSTER.append(prefix, *RECORDS[2:])
            self.assertEqual(facts.poll(30).hash, golden.CHAIN[2]["hash"])

    def test_a_body_that_does_not_keep_to_its_schema_is_reported_and_holds_its_place(self):
        prefix, flaws = CLUSTER.topics(TOPICS), []
        bad = replace(golden.first(), value=b'{"command": 1}')
        CLUSTER.append(prefix, bad)
        with stream(prefix, schemas=golden.ROOT / "kafka" / "schemas", on_flaw=flaws.append) as facts:
            self.assertEqual(list(facts.facts(until_live=True)), [])
            self.assertEqual((facts.invalid, facts.dropped.total()), (1, 0))
            self.assertEqual(facts.point, [{"id": "campaign-1/operator/1", "hash": parse(bad).hash}])
        self.assertEqual([(flaw.verdict, flaw.id) for flaw in flaws], [(Verdict.WON, "campaign-1/operator/1")])

    def test_nothing_is_committed(self):
        prefix = CLUSTER.topics(TOPICS)
        CLUSTER.append(prefix, *RECORDS)
        delivered(prefix)
        groups = CLUSTER._admin.list_consumer_groups().result().valid
        self.assertEqual([group.group_id for group in groups if "readers" in group.group_id], [])

    def test_a_missing_topic_is_told(self):
        with self.assertRaisesRegex(StreamError, "there is no topic nowhere.move37.campaigns"):
            delivered("nowhere.")


class Examples(unittest.TestCase):
    def test_a_bridge_goes_on_where_it_was_and_writes_no_point_twice(self):
        run = "6-explore-mqar-0"
        points = [{"step": step, "loss": 3.5} for step in (1, 2, 3)]
        result = json.loads((golden.GOLDEN / "run.completed.v1.json").read_text())["result"] | {"curve": points}
        records = golden.facts(
            ("move37.trainer", "campaign-1", "run.completed", {"run": run, "attempt": 1, "result": result}),
            ("move37.runs", "w.1", "metrics.recorded", {"run": run, "attempt": 1, "points": points}),
            ("move37.runs", "w.1", "metrics.recorded", {"run": run, "attempt": 2, "points": points[:1]}),
        )
        prefix, written = CLUSTER.topics(), []
        with tempfile.TemporaryDirectory() as folder, mock.patch.dict("os.environ", MOVE37_KAFKA__PREFIX=prefix):
            for part in (records[:1], records[1:], []):
                CLUSTER.append(prefix, *part)
                writer = Noted()
                Bridge(writer, Path(folder, "point.json"), CLUSTER.bootstrap, "campaign-1").run(until_live=True)
                written.append(writer.seen)
        self.assertEqual(written[0], [(Result, [(1, 3.5), (2, 3.5), (3, 3.5)])])
        self.assertEqual(written[1], [(Curve, []), (Curve, [(1, 3.5)])])
        self.assertEqual(written[2], [])

    def test_a_laptops_log_is_copied_and_its_best_fitness_found(self):
        prefix = CLUSTER.topics()
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder, "log.db")
            facts = _recorded(log)
            with mock.patch.dict("os.environ", MOVE37_KAFKA__PREFIX=prefix):
                copy = ["copy", str(log), "--bootstrap", CLUSTER.bootstrap]
                self.assertEqual(_told(copy_log, copy), {"copied": facts + 1, "failed": 0})
                self.assertEqual(_told(copy_log, copy), {"copied": facts + 1, "failed": 0}, "a second copy is harmless")
                follow = ["best", "--bootstrap", CLUSTER.bootstrap, "--linger", "0.1", "--plot", str(Path(folder, "p.png"))]
                told = _told(best_fitness, follow)
                self.assertTrue(Path(folder, "p.png").read_bytes().startswith(b"\x89PNG"))
        self.assertEqual((told["campaign"], told["facts"], told["live"]), ("campaign-1", facts, True))
        self.assertEqual((told["invalid"], told["dropped"]), (0, {"duplicate": facts + 1}))
        self.assertEqual((told["best"]["experiment"], told["best"]["fitness"]), (3, 0.75))
        self.assertEqual(told["closed"], json.loads((golden.GOLDEN / "campaign.closed.v1.json").read_text())["reason"])


def _recorded(path: Path) -> int:
    """A log as a state directory has it; how many facts of the campaign it holds."""
    log = sqlite3.connect(path)
    log.execute(
        "CREATE TABLE records (id INTEGER PRIMARY KEY, topic TEXT, partition INTEGER, offset INTEGER, key TEXT, "
        "headers TEXT, body BLOB)"
    )
    records = golden.facts(
        ("move37.campaigns", "campaign-1", "campaign.started", {}),
        ("move37.runs", "w.1", "worker.joined", {}),
        ("move37.analyst", "campaign-1", "campaign.followed", {}),
        ("move37.analyst", "campaign-1", "fitness.scored", {"experiment": 3, "fitness": 0.75}),
        ("move37.runs", "w.1", "metrics.recorded", {}),
        ("move37.memory", "campaign-1", "campaign.closed", {}),
    )
    for at in records:
        headers = json.dumps([(name, value.decode()) for name, value in at.headers])
        row = (at.topic, at.partition, at.offset, at.key.decode(), headers, at.value)
        log.execute("INSERT INTO records (topic, partition, offset, key, headers, body) VALUES (?, ?, ?, ?, ?, ?)", row)
    log.commit()
    log.close()
    return len(records) - 1


class Noted(Writer):
    """Keeps what is written, with the points that are new."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = []

    def write(self, seen):
        points = self.unseen.of(seen) if isinstance(seen, Curve | Result) else []
        self.seen.append((type(seen), points))


def _told(module, command: list[str]) -> dict:
    """The last line that a script prints, as JSON."""
    output = io.StringIO()
    with mock.patch.object(sys, "argv", command), contextlib.redirect_stdout(output):
        status = module.main()
    if status:
        raise AssertionError(f"{command} ended with {status}")
    return json.loads(output.getvalue().splitlines()[-1])


if __name__ == "__main__":
    unittest.main()
