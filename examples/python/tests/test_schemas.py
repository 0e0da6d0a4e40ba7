"""Bodies against the generated JSON Schemas."""

import json
import unittest

import golden
from move37_facts import Schemas, parse

SCHEMAS = Schemas()
BODIES = sorted(golden.GOLDEN.glob("*.json"))


def fault(kind: str, body: bytes) -> str | None:
    return SCHEMAS.fault(parse(golden.of_type(f"move37.{kind}", body)))


class Bodies(unittest.TestCase):
    def test_every_golden_body_keeps_to_its_schema(self):
        self.assertGreater(len(BODIES), 20)
        for file in BODIES:
            self.assertIsNone(fault(file.stem, file.read_bytes()), file.name)

    def test_a_body_without_a_needed_field_does_not(self):
        for file in BODIES:
            body = json.loads(file.read_text())
            needed = json.loads((golden.ROOT / "kafka" / "schemas" / file.name).read_text()).get("required", [])
            for name in needed:
                less = {other: value for other, value in body.items() if other != name}
                self.assertIn(name, fault(file.stem, json.dumps(less).encode()) or "", f"{file.name} without {name}")

    def test_a_field_of_a_later_release_is_no_fault(self):
        body = json.loads((golden.GOLDEN / "campaign.stopped.v1.json").read_text()) | {"later": 1}
        self.assertIsNone(fault("campaign.stopped.v1", json.dumps(body).encode()))

    def test_a_version_without_a_schema_is_a_fault_that_says_so(self):
        self.assertIn("newer than this copy", fault("campaign.stopped.v999", b"{}"))

    def test_what_is_no_json_is_a_fault(self):
        for body in [b"", b"{", b'{"command":"c","reason":NaN}', b"\xff"]:
            self.assertIn("no JSON", fault("campaign.stopped.v1", body), body)


if __name__ == "__main__":
    unittest.main()
