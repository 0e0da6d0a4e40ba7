"""Feed a cluster's training curves, results, scores and insights into MLflow.

    python mlflow_bridge.py --bootstrap localhost:9092 --folder mlflow
    mlflow ui --backend-store-uri sqlite:///mlflow/mlflow.db

One MLflow experiment for each campaign; in it one run for each Move37 experiment (fitness, values, insight as its note),
and beneath it one for each training run and attempt. Runs are found again by their tags, so the bridge can be stopped and
started. --tracking-uri names another store or a server. Needs requirements-mlflow.txt.
"""

from __future__ import annotations

import sys
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Metric, Param, Run
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NAME, MLFLOW_RUN_NOTE

from observations import Curve, Ended, Insight, Observation, Result, Score, Writer, main

BATCH = 1000
"""Most metrics that MLflow takes at once."""


class Mlflow(Writer):
    """Runs in an MLflow store."""

    def __init__(self, uri: str) -> None:
        super().__init__()
        self._client = MlflowClient(uri)
        self._experiments: dict[str, str] = {}
        self._runs: dict[tuple[str, str], str] = {}

    def write(self, seen: Observation) -> None:
        match seen:
            case Curve() | Result():
                run = self._training(seen)
                points = self.unseen.of(seen)
                self._metrics(run, seen.time, [("loss", loss, step) for step, loss in points])
                if isinstance(seen, Result):
                    last = max((step for step, _ in seen.points), default=0)
                    self._metrics(run, seen.time, [(name, value, last) for name, value in seen.values.items()])
                    self._client.log_batch(run, params=[Param(name, value) for name, value in seen.about.items()])
                    self._client.set_terminated(run, "FINISHED", end_time=_milliseconds(seen.time))
            case Ended():
                run = self._training(seen)
                self._client.set_tag(run, MLFLOW_RUN_NOTE, seen.why)
                self._client.set_terminated(run, "FAILED", end_time=_milliseconds(seen.time))
            case Score():
                run = self._experiment(seen)
                self._client.set_tag(run, MLFLOW_RUN_NAME, f"{seen.experiment} {seen.name}")
                values = seen.tasks if seen.fitness is None else seen.tasks | {"fitness": seen.fitness}
                self._metrics(run, seen.time, [(name, value, 0) for name, value in values.items()])
            case Insight():
                run = self._experiment(seen)
                self._client.set_tag(run, MLFLOW_RUN_NOTE, seen.text)
                self._client.set_terminated(run, "FINISHED", end_time=_milliseconds(seen.time))

    def _metrics(self, run: str, time: float, values: list[tuple[str, float, int]]) -> None:
        metrics = [Metric(name, value, _milliseconds(time), step) for name, value, step in values]
        for start in range(0, len(metrics), BATCH):
            self._client.log_batch(run, metrics=metrics[start : start + BATCH])

    def _training(self, seen: Curve | Result | Ended) -> str:
        parent = self._experiment(seen)
        name = f"{seen.run} attempt {seen.attempt}"
        return self._run(seen, name, name, {MLFLOW_PARENT_RUN_ID: parent, "move37.run": seen.run})

    def _experiment(self, seen: Observation) -> str:
        return self._run(seen, f"experiment {seen.experiment}", str(seen.experiment), {})

    def _run(self, seen: Observation, key: str, name: str, tags: dict[str, str]) -> str:
        """The run with this key in its campaign: known, found by its tag, or made."""
        if (seen.campaign, key) not in self._runs:
            experiment = self._mlflow_experiment(seen.campaign)
            found: list[Run] = self._client.search_runs([experiment], f"tags.`move37.key` = '{key}'", max_results=1)
            if not found:
                tags = tags | {"move37.key": key, "move37.experiment": str(seen.experiment)}
                found = [self._client.create_run(experiment, _milliseconds(seen.time), tags, name)]
            self._runs[seen.campaign, key] = found[0].info.run_id
        return self._runs[seen.campaign, key]

    def _mlflow_experiment(self, campaign: str) -> str:
        if campaign not in self._experiments:
            name = f"move37 {campaign}"
            known = self._client.get_experiment_by_name(name)
            self._experiments[campaign] = known.experiment_id if known else self._client.create_experiment(name)
        return self._experiments[campaign]


def _milliseconds(time: float) -> int:
    return round(time * 1000)


def begin(folder: Path, given) -> Mlflow:
    return Mlflow(given.tracking_uri or f"sqlite:///{folder.resolve()}/mlflow.db")


def options(parser) -> None:
    parser.add_argument("--tracking-uri", help="MLflow's store [default: an SQLite file in the folder]")


if __name__ == "__main__":
    sys.exit(main(__doc__.splitlines()[0], "mlflow", begin, options))
