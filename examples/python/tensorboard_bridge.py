"""Feed a cluster's training curves, results, scores and insights into TensorBoard.

    python tensorboard_bridge.py --bootstrap localhost:9092 --folder tensorboard
    tensorboard --logdir tensorboard

One TensorBoard run for each training run (folder/CAMPAIGN/RUN; a second attempt has a folder of its own) and one for the
campaign, whose steps are experiments. Needs requirements-tensorboard.txt; no TensorFlow.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tensorboardX import SummaryWriter

from observations import Curve, Ended, Insight, Observation, Result, Score, Writer, main


class TensorBoard(Writer):
    """Event files under a folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._open: dict[str, SummaryWriter] = {}
        self._opened = 0

    def write(self, seen: Observation) -> None:
        match seen:
            case Curve() | Result():
                writer = self._of(seen)
                for step, loss in self.unseen.of(seen):
                    writer.add_scalar("training/loss", loss, step, walltime=seen.time)
                if isinstance(seen, Result):
                    last = max((step for step, _ in seen.points), default=0)
                    for name, value in seen.values.items():
                        writer.add_scalar(f"result/{name}", value, last, walltime=seen.time)
                    about = "\n".join(f"- {name}: `{value}`" for name, value in seen.about.items())
                    writer.add_text("about", about, last, walltime=seen.time)
            case Ended():
                self._of(seen).add_text("ended", seen.why, 0, walltime=seen.time)
            case Score():
                writer = self._writer(f"{seen.campaign}/campaign")
                if seen.fitness is not None:
                    writer.add_scalar("fitness", seen.fitness, seen.experiment, walltime=seen.time)
                for task, value in seen.tasks.items():
                    writer.add_scalar(f"task/{task}", value, seen.experiment, walltime=seen.time)
            case Insight():
                writer = self._writer(f"{seen.campaign}/campaign")
                writer.add_text("insight", seen.text, seen.experiment, walltime=seen.time)

    def flush(self) -> None:
        for writer in self._open.values():
            writer.flush()

    def close(self) -> None:
        for writer in self._open.values():
            writer.close()

    def _of(self, run: Curve | Result | Ended) -> SummaryWriter:
        attempt = f".attempt{run.attempt}" if run.attempt > 1 else ""
        return self._writer(f"{run.campaign}/{run.run}{attempt}")

    def _writer(self, name: str) -> SummaryWriter:
        if name not in self._open:
            # Most runs are over: what is not written to for long need not stay open.
            if len(self._open) >= 64:
                self._open.pop(next(iter(self._open))).close()
            # A file is named after the second in which it is opened: the suffix keeps one that is opened again apart.
            self._opened += 1
            self._open[name] = SummaryWriter(str(self._folder / name), filename_suffix=f".{self._opened}")
        self._open[name] = self._open.pop(name)
        return self._open[name]


if __name__ == "__main__":
    sys.exit(main(__doc__.splitlines()[0], "tensorboard", lambda folder, _: TensorBoard(folder)))
