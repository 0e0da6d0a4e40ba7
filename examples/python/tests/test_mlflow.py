"""The bridge to MLflow, read back with MLflow's client."""

import tempfile
import unittest
from pathlib import Path

from mlflow import MlflowClient

import seen
from mlflow_bridge import Mlflow


class Bridge(unittest.TestCase):
    def test_a_campaign_is_there_once_however_often_it_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            uri = f"sqlite:///{Path(folder, 'mlflow.db')}"
            for _ in range(2):
                store = Mlflow(uri)
                for observation in seen.ALL:
                    store.write(observation)
                store.close()
            client = MlflowClient(uri)
            experiment = client.get_experiment_by_name("move37 campaign-1")
            runs = {run.info.run_name: run for run in client.search_runs([experiment.experiment_id])}

            experiment, first = runs["6 delta_fir3"], runs["6-explore-mqar-0 attempt 1"]
            self.assertEqual(len(runs), 4, "an experiment, a run, and two attempts of another")
            self.assertEqual(experiment.data.metrics, {"mqar": 0.5, "fitness": 0.75})
            self.assertIn("It works.", experiment.data.tags["mlflow.note.content"])
            self.assertEqual(first.data.tags["mlflow.parentRunId"], experiment.info.run_id)
            self.assertEqual((first.data.params, first.info.status), ({"task": "mqar", "seed": "0"}, "FINISHED"))
            curve = client.get_metric_history(first.info.run_id, "loss")
            self.assertEqual([(point.step, point.value) for point in curve], seen.CURVE)
            self.assertEqual(runs["6-explore-mqar-1 attempt 1"].info.status, "FAILED")


if __name__ == "__main__":
    unittest.main()
