"""Feed a cluster's training curves, results, scores and insights into Weights & Biases.

    python wandb_bridge.py --bootstrap localhost:9092 --folder wandb-move37          # offline, no account
    wandb sync wandb-move37/wandb/offline-run-*                                      # later, if at all

One W&B run for each training run and attempt, grouped by experiment, and one for the campaign with every experiment's
fitness and insight. Ids follow from Move37's names; --mode online sends at once and takes runs up again by them. Needs
requirements-wandb.txt.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import wandb

from observations import Curve, Ended, Insight, Observation, Result, Score, Writer, main


class Wandb(Writer):
    """Runs of a project."""

    def __init__(self, folder: Path, project: str, mode: str) -> None:
        super().__init__()
        self._settings = {"dir": str(folder), "project": project, "mode": mode, "resume": "allow", "reinit": "create_new"}
        self._open: dict[str, wandb.Run] = {}
        self._over: set[str] = set()

    def write(self, seen: Observation) -> None:
        match seen:
            case Curve() | Result() | Ended():
                self._training(seen)
            case Score():
                values = {f"task/{name}": value for name, value in seen.tasks.items()}
                if seen.fitness is not None:
                    values["fitness"] = seen.fitness
                self._campaign(seen).log(values | {"experiment": seen.experiment, "name": seen.name})
            case Insight():
                self._campaign(seen).summary[f"insight/{seen.experiment}"] = seen.text

    def written(self, seen: Observation) -> None:
        super().written(seen)
        if isinstance(seen, Result | Ended):
            self._over.add(_attempt(seen))

    def _training(self, seen: Curve | Result | Ended) -> None:
        id = _attempt(seen)
        # A result holds the whole curve: points that arrive after it are known.
        if id in self._over:
            return
        name = seen.run if seen.attempt == 1 else f"{seen.run} attempt {seen.attempt}"
        run = self._run(id, name, f"{seen.campaign} experiment {seen.experiment}", "training", "step", "loss")
        if not isinstance(seen, Ended):
            for step, loss in self.unseen.of(seen):
                run.log({"step": step, "loss": loss})
        if isinstance(seen, Result):
            run.config.update(seen.about, allow_val_change=True)
            run.summary.update(seen.values)
        if isinstance(seen, Ended):
            run.summary["ended"] = seen.why
        if not isinstance(seen, Curve):
            run.finish(exit_code=0 if isinstance(seen, Result) else 1)
            self._over.add(id)
            del self._open[id]

    def _campaign(self, seen: Observation) -> wandb.Run:
        return self._run(_id(seen.campaign), seen.campaign, seen.campaign, "campaign", "experiment", "*")

    def _run(self, id: str, name: str, group: str, job: str, axis: str, metrics: str) -> wandb.Run:
        if id not in self._open:
            run = wandb.init(id=id, name=name, group=group, job_type=job, **self._settings)
            run.define_metric(axis)
            run.define_metric(metrics, step_metric=axis)
            self._open[id] = run
        return self._open[id]

    def close(self) -> None:
        for run in self._open.values():
            run.finish()
        # W&B writes in a process of its own; this waits until it has.
        wandb.teardown()


def _attempt(seen: Curve | Result | Ended) -> str:
    return _id(seen.campaign, seen.run, str(seen.attempt))


def _id(*parts: str) -> str:
    """W&B's ids may not hold every character of ours."""
    return re.sub("[^a-zA-Z0-9_-]", "_", ".".join(parts).replace(".", "--"))


def begin(folder: Path, given) -> Wandb:
    os.environ.setdefault("WANDB_SILENT", "true")
    if given.mode == "offline":
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
    return Wandb(folder, given.project, given.mode)


def options(parser) -> None:
    parser.add_argument("--project", default="move37", help="W&B's project [default: %(default)s]")
    parser.add_argument("--mode", default="offline", choices=["offline", "online"], help="[default: %(default)s]")


if __name__ == "__main__":
    sys.exit(main(__doc__.splitlines()[0], "wandb-move37", begin, options))
