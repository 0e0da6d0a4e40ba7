"""The bridge to TensorBoard, read back with TensorBoard's own reader."""

import tempfile
import unittest
from pathlib import Path

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import seen
from tensorboard_bridge import TensorBoard


class Bridge(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        board = TensorBoard(self.folder)
        for observation in seen.ALL:
            board.write(observation)
        board.close()

    def read(self, run: str) -> EventAccumulator:
        return EventAccumulator(str(self.folder / "campaign-1" / run)).Reload()

    def scalars(self, run: str, tag: str) -> list[tuple[int, float]]:
        return [(event.step, event.value) for event in self.read(run).Scalars(tag)]

    def test_every_point_is_there_once(self):
        self.assertEqual(self.scalars("6-explore-mqar-0", "training/loss"), seen.CURVE)

    def test_another_attempt_is_another_run(self):
        self.assertEqual(self.scalars("6-explore-mqar-1.attempt2", "training/loss"), seen.CURVE)
        self.assertIn("ended/text_summary", self.read("6-explore-mqar-1").Tags()["tensors"])

    def test_results_scores_and_insights_are_there(self):
        self.assertEqual(self.scalars("6-explore-mqar-0", "result/validation_loss"), [(3, 3.125)])
        self.assertEqual(self.scalars("campaign", "fitness"), [(6, 0.75)])
        insight = self.read("campaign").Tensors("insight/text_summary")
        self.assertIn(b"It works.", insight[0].tensor_proto.string_val[0])

    def test_times_are_those_of_the_facts(self):
        self.assertEqual(self.read("campaign").Scalars("fitness")[0].wall_time, 1_700_000_005)


if __name__ == "__main__":
    unittest.main()
