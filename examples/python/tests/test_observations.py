"""What trackers see of facts: from the golden bodies."""

import unittest

import golden
from move37_facts import parse
from observations import Curve, Ended, Insight, Result, Score, Unseen, observe


def observed(name: str, subject: str):
    body = (golden.GOLDEN / f"{name}.v1.json").read_bytes()
    record = golden.of_type(f"move37.{name}.v1", body)
    record.headers.append(("ce_subject", subject.encode()))
    fact = parse(record)
    return observe(fact), fact.body


class Observations(unittest.TestCase):
    def test_metrics_are_points_of_a_curve(self):
        seen, body = observed("metrics.recorded", "6-explore-mqar-0")
        self.assertIsInstance(seen, Curve)
        self.assertEqual((seen.campaign, seen.experiment, seen.run), ("campaign-1", 6, body["run"]))
        self.assertEqual(seen.points, [(point["step"], point["loss"]) for point in body["points"]])

    def test_a_result_has_the_whole_curve_and_its_numbers(self):
        seen, body = observed("run.completed", "6-explore-mqar-0")
        self.assertIsInstance(seen, Result)
        self.assertEqual(len(seen.points), len(body["result"]["curve"]))
        self.assertEqual(seen.values["validation_loss"], body["result"]["validation_loss"])
        self.assertEqual(seen.about["device"], body["result"]["platform"]["device"])

    def test_an_attempt_that_came_to_nothing_says_why(self):
        for name in ("run.failed", "run.lost", "run.stopped"):
            seen, body = observed(name, "6-explore-mqar-0")
            self.assertIsInstance(seen, Ended)
            self.assertEqual(seen.why, f"{name}: {body['why']}")

    def test_scores_and_insights_name_the_architecture(self):
        score, body = observed("fitness.scored", "6")
        self.assertIsInstance(score, Score)
        self.assertEqual((score.name, score.fitness), (body["scored"]["brief"]["name"], body["fitness"]))
        insight, body = observed("insight.recorded", "6")
        self.assertIsInstance(insight, Insight)
        self.assertIn(body["insight"]["synthesis_and_insights"], insight.text)

    def test_other_facts_are_nothing_to_a_tracker(self):
        for name in ("campaign.started", "worker.joined", "hypothesis.proposed"):
            self.assertIsNone(observed(name, "6")[0], name)

    def test_a_point_is_new_once(self):
        curve, _ = observed("metrics.recorded", "6-explore-mqar-0")
        unseen = Unseen()
        self.assertEqual(unseen.of(curve), curve.points)
        self.assertEqual(unseen.of(curve), [])


if __name__ == "__main__":
    unittest.main()
