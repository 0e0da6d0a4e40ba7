"""The bridge to Weights & Biases without an account: the files of its offline runs, read back."""

import json
import os
import struct
import tempfile
import unittest
from collections.abc import Iterator
from pathlib import Path

from wandb.proto import wandb_internal_pb2

import seen
from wandb_bridge import Wandb

BLOCK = 32768


def records(path: Path) -> Iterator[wandb_internal_pb2.Record]:
    """A file of W&B: its own 7 bytes, then blocks as in LevelDB's log, whose parts make up protobuf records."""
    data, at, whole = path.read_bytes(), 7, b""
    while at + 7 <= len(data):
        left = BLOCK - at % BLOCK
        if left < 7:
            at += left
            continue
        _, length, part = struct.unpack_from("<IHB", data, at)
        whole += data[at + 7 : at + 7 + length]
        at += 7 + length
        # A whole record, or the last part of one.
        if part in (1, 4):
            yield wandb_internal_pb2.Record.FromString(whole)
            whole = b""


class Bridge(unittest.TestCase):
    def test_curves_results_scores_and_insights_are_in_offline_runs(self):
        os.environ["WANDB_SILENT"] = "true"
        with tempfile.TemporaryDirectory() as folder:
            project = Wandb(Path(folder), "move37", "offline")
            for observation in seen.ALL:
                project.write(observation)
            project.close()
            runs = {}
            for file in Path(folder, "wandb").glob("offline-run-*/*.wandb"):
                run = {"history": [], "summary": {}}
                for record in records(file):
                    if record.HasField("run"):
                        run["name"] = record.run.display_name
                    elif record.HasField("history"):
                        row = {".".join(item.nested_key): json.loads(item.value_json) for item in record.history.item}
                        run["history"].append(row)
                    elif record.HasField("summary"):
                        update = record.summary.update
                        run["summary"] |= {".".join(i.nested_key) or i.key: json.loads(i.value_json) for i in update}
                    elif record.HasField("exit"):
                        run["exit"] = record.exit.exit_code
                runs[run["name"]] = run

        first, campaign = runs["6-explore-mqar-0"], runs["campaign-1"]
        self.assertEqual([(row["step"], row["loss"]) for row in first["history"]], seen.CURVE)
        self.assertEqual((first["summary"]["validation_loss"], first["exit"]), (3.125, 0))
        self.assertEqual((runs["6-explore-mqar-1"]["exit"], len(runs)), (1, 4))
        self.assertEqual([(row["experiment"], row["fitness"]) for row in campaign["history"]], [(6, 0.75)])
        self.assertIn("It works.", campaign["summary"]["insight/6"])


if __name__ == "__main__":
    unittest.main()
