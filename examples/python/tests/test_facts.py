"""Judging records: envelopes, hashes, partitions and chains, against what Rust wrote down."""

import re
import unittest
from dataclasses import replace

import golden
from move37_facts import JOURNALS, Judge, Malformed, Verdict, murmur2, parse, partition_of


class Envelopes(unittest.TestCase):
    def test_hashes_are_those_of_rust(self):
        for entry in golden.CHAIN:
            self.assertEqual(parse(golden.record(entry)).hash, entry["hash"], entry["about"])

    def test_every_attribute_is_read(self):
        entry = next(entry for entry in golden.CHAIN if entry["about"] == "the third fact")
        fact = parse(golden.record(entry, offset=9))
        self.assertEqual(
            (fact.id, fact.key, fact.source, fact.sequence, fact.offset),
            ("campaign-1/operator/3", "campaign-1", "operator", 3, 9),
        )
        self.assertEqual((fact.type, fact.name, fact.version), ("move37.campaign.stopped.v1", "campaign.stopped", 1))
        self.assertEqual((fact.subject, fact.experiment, fact.campaign), ("7", 7, "campaign-1"))
        self.assertEqual(fact.cause, "campaign-1/operator/1")
        self.assertEqual(fact.traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
        self.assertEqual(fact.time.isoformat(), "2023-11-14T22:13:20.125000+00:00")
        self.assertEqual(fact.body["command"], "c")

    def test_an_attribute_that_changes_changes_the_hash(self):
        fact = parse(golden.first())
        for name, value in [("ce_type", b"move37.a.v1"), ("ce_time", b"2000-01-01T00:00:00Z"), ("ce_correlationid", b"d")]:
            self.assertNotEqual(parse(golden.with_header(golden.first(), name, value)).hash, fact.hash, name)

    def test_a_header_that_is_no_attribute_is_ignored(self):
        more = replace(golden.first(), headers=[*golden.first().headers, ("traceparent", b"x"), ("traceparent", b"y")])
        self.assertEqual(parse(more).hash, parse(golden.first()).hash)

    def test_what_is_malformed_is_refused(self):
        good = golden.first()
        cases = {
            "no header": replace(good, headers=[]),
            "no key": replace(good, key=None),
            "another key": replace(good, key=b"campaign-2"),
            "repeated": replace(good, headers=[*good.headers, ("ce_id", b"campaign-1/operator/1")]),
            "no attribute value": golden.with_header(good, "ce_source", None),
            "no UTF-8": golden.with_header(good, "ce_correlationid", b"\xff"),
        }
        for name, values in {
            "content-type": [b"text/plain", b"application/cloudevents+json"],
            "ce_specversion": [b"0.3"],
            "ce_id": [b"campaign-1/operator/01", b"campaign-1/operator/2", b"campaign-1/operator", b""],
            "ce_source": [b"memory", b"Oper ator"],
            "ce_type": [b"campaign.stopped", b"move37.campaign.stopped.v0", b"move37.X.v1", b"move37.a.v4294967296"],
            "ce_time": [b"2023-11-14", b"2023-13-14T22:13:20Z", b"2023-11-14T22:13:20.120Z", b"2023-11-14T22:13:20+00:00",
                        b"1969-12-31T23:59:59Z", b"2023-11-14T22:13:20.1234Z"],
            "ce_sequence": [b"0", b"1.0", b"18446744073709551616"],
            "ce_previoushash": [b"00", b"A" * 64],
        }.items():
            cases[f"no {name}"] = replace(good, headers=[(n, v) for n, v in good.headers if n != name])
            cases |= {f"{name} {value}": golden.with_header(good, name, value) for value in values}
        for what, record in cases.items():
            with self.subTest(what), self.assertRaises(Malformed):
                parse(record)


class Chains(unittest.TestCase):
    def test_verdicts_are_those_of_rust(self):
        """Duplicates, zombies, what goes on from a zombie, gaps, forged pasts, other chains."""
        judge = Judge()
        for offset, entry in enumerate(golden.CHAIN):
            verdict, fact, why = judge.judge(golden.record(entry, offset))
            self.assertEqual(verdict.value, entry["verdict"], f"{entry['about']}: {why}")
        seen = {entry["verdict"] for entry in golden.CHAIN}
        self.assertEqual(seen, {"won", "duplicate", "raced", "corrupt"}, "the golden chain covers every verdict")

    def test_a_record_in_another_partition_takes_no_place(self):
        judge, good = Judge(), golden.first()
        verdict, _, why = judge.judge(replace(good, partition=good.partition + 1))
        self.assertEqual((verdict, why), (Verdict.REFUSED, f"its key belongs to partition {good.partition}"))
        self.assertIs(judge.judge(good)[0], Verdict.WON)

    def test_a_source_that_may_not_write_the_topic_takes_no_place(self):
        verdict, _, why = Judge().judge(replace(golden.first(), topic="move37.memory"))
        self.assertEqual((verdict, why), (Verdict.REFUSED, "operator may not write this topic"))

    def test_a_malformed_record_is_refused_with_its_reason(self):
        verdict, fact, why = Judge().judge(replace(golden.first(), headers=[]))
        self.assertEqual((verdict, fact, why), (Verdict.REFUSED, None, "the header content-type is missing"))


class Partitions(unittest.TestCase):
    def test_murmur2_is_kafkas(self):
        # Known answers of Kafka's own unit test (org.apache.kafka.common.utils.UtilsTest).
        for text, expected in {"21": -973932308, "foobar": -790332482, "a-little-bit-long-string": -985981536, "abc": 479470107}.items():
            self.assertEqual(murmur2(text.encode()), expected % (1 << 32), text)

    def test_partitions_are_those_of_rust(self):
        for entry in golden.CHAIN:
            self.assertEqual(partition_of(entry["key"], 12), entry["partition"])

    def test_topics_are_those_of_the_table(self):
        text = (golden.ROOT / "kafka" / "topics.yaml").read_text()
        rows = re.findall(r"- name: (\S+)\n\s+partitions: (\d+)\n.*\n\s+writer: (.+)", text)
        table = {name: (writer, int(partitions)) for name, partitions, writer in rows if name != "move37.dead-letters"}
        self.assertEqual(table, JOURNALS)


if __name__ == "__main__":
    unittest.main()
