"""What experiment trackers want to know of Move37's facts: curves, results, scores and insights.

Every observation is whole in itself, as facts are, so a bridge needs no memory of earlier ones and can go on from a
stored point. Times are the facts' own: a bridge that runs twice writes the same.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from move37_facts import Fact
from move37_stream import Stream, StreamError, arguments, load_point, save_point

SECONDS_BETWEEN_POINTS = 5.0


@dataclass(frozen=True)
class Curve:
    """New points of a run's training curve."""

    campaign: str
    run: str
    """`<experiment>-<stage>-<task>-<seed>`."""
    attempt: int
    experiment: int
    time: float
    """Seconds since 1970."""
    points: list[tuple[int, float]]
    """Optimiser step, and mean training loss since the point before in nats per scored token."""


@dataclass(frozen=True)
class Result:
    """A run completed; its curve is whole."""

    campaign: str
    run: str
    attempt: int
    experiment: int
    time: float
    points: list[tuple[int, float]]
    values: dict[str, float]
    """The task's value on validation data, its loss, parameters, tokens, FLOPs, seconds."""
    about: dict[str, str]
    """Task, seed, and what bit-for-bit equality depends on."""


@dataclass(frozen=True)
class Ended:
    """A run's attempt ended without a result."""

    campaign: str
    run: str
    attempt: int
    experiment: int
    time: float
    why: str


@dataclass(frozen=True)
class Score:
    """An experiment was scored; a fitness is missing while a term is."""

    campaign: str
    experiment: int
    name: str
    time: float
    fitness: float | None
    tasks: dict[str, float]


@dataclass(frozen=True)
class Insight:
    """What was learned from an experiment, as Markdown."""

    campaign: str
    experiment: int
    name: str
    time: float
    text: str


Observation = Curve | Result | Ended | Score | Insight


def observe(fact: Fact) -> Observation | None:
    """What a fact is to a tracker, if anything."""
    if fact.campaign is None or fact.experiment is None:
        return None
    at = {"campaign": fact.campaign, "experiment": fact.experiment, "time": fact.time.timestamp()}
    match fact.name:
        case "metrics.recorded":
            # Without points it says only that the worker is alive.
            points = _points(fact.body["points"])
            return Curve(**at, run=fact.body["run"], attempt=fact.body["attempt"], points=points) if points else None
        case "run.completed":
            body, result = fact.body, fact.body["result"]
            numbers = ("value", "validation_loss", "parameters", "tokens", "flops")
            return Result(
                **at,
                run=body["run"],
                attempt=body["attempt"],
                points=_points(result["curve"]),
                values={name: float(result[name]) for name in numbers} | {"seconds": body["spend"]["seconds"]},
                about={name: str(result[name]) for name in ("task", "seed", "program", "data_hash")}
                | {name: str(value) for name, value in result["platform"].items()},
            )
        case "run.failed" | "run.lost" | "run.stopped":
            return Ended(**at, run=fact.body["run"], attempt=fact.body["attempt"], why=f"{fact.name}: {fact.body['why']}")
        case "fitness.scored":
            scored = fact.body["scored"]
            tasks = {name: score["value"] for name, score in scored["results"]["tasks"].items()}
            return Score(**at, name=scored["brief"]["name"], fitness=fact.body["fitness"], tasks=tasks)
        case "insight.recorded":
            brief = fact.body["scored"]["brief"]
            sections = {"motivation": brief["motivation"], "mechanism": brief["mechanism"]} | fact.body["insight"]
            parts = [f"**{name.replace('_', ' ')}**: {text}" for name, text in sections.items()]
            return Insight(**at, name=brief["name"], text="\n\n".join([f"# {brief['name']}", *parts]))
    return None


def _points(points: list[dict]) -> list[tuple[int, float]]:
    return [(point["step"], point["loss"]) for point in points]


class Unseen:
    """Which points of a run's attempt are new: a result repeats the curve that its worker has told already."""

    def __init__(self) -> None:
        self._steps: dict[tuple[str, str, int], set[int]] = {}

    def of(self, seen: Curve | Result) -> list[tuple[int, float]]:
        """The points that were not given before."""
        known = self._steps.setdefault((seen.campaign, seen.run, seen.attempt), set())
        new = [(step, loss) for step, loss in seen.points if step not in known]
        known.update(step for step, _ in new)
        return new


class Writer:
    """What a bridge implements."""

    def __init__(self) -> None:
        self.unseen = Unseen()

    def write(self, seen: Observation) -> None:
        """Take an observation in."""
        raise NotImplementedError

    def written(self, seen: Observation) -> None:
        """Know an observation that an earlier process has written."""
        if isinstance(seen, Curve | Result):
            self.unseen.of(seen)

    def flush(self) -> None:
        """Make sure that what was taken in survives a crash."""

    def close(self) -> None:
        """The end."""


class Bridge:
    """Reads facts, hands observations to a writer, and remembers in a file how far it has come. Stopped and started
    again it goes on there; what came between the last flush and a crash is written once more."""

    def __init__(self, writer: Writer, remembered: Path, bootstrap: str | None, campaign: str | None) -> None:
        self._writer, self._remembered, self._campaign = writer, remembered, campaign
        self._is_resumed = remembered.exists()
        self._stream = Stream(bootstrap, start=load_point(remembered), on_passed=self._passed)
        self._stopped = False
        self.counts: Counter[str] = Counter()

    def stop(self) -> None:
        """Stop after the observation that is being written: the point has passed it already."""
        self._stopped = True

    def run(self, until_live: bool) -> None:
        """Work until stopped, or until the live edge."""
        # Topics have no common order: what is new may come before what shows that it is written already.
        held: list[Observation] = []
        saved = time.monotonic()
        with self._stream:
            while not self._stopped and not (until_live and self._stream.live):
                fact = self._stream.poll(0.5)
                if fact and (seen := self._observed(fact)):
                    held.append(seen)
                if self._stream.live or not self._is_resumed:
                    self._write(held)
                if not held and time.monotonic() - saved > SECONDS_BETWEEN_POINTS:
                    self._save()
                    saved = time.monotonic()
            if not held:
                self._save()

    def _observed(self, fact: Fact) -> Observation | None:
        return observe(fact) if self._campaign in (None, fact.campaign) else None

    def _passed(self, fact: Fact) -> None:
        if seen := self._observed(fact):
            self._writer.written(seen)

    def _write(self, held: list[Observation]) -> None:
        for seen in held:
            self._writer.write(seen)
            self.counts[type(seen).__name__.lower() + "(s)"] += 1
        held.clear()

    def _save(self) -> None:
        self._writer.flush()
        save_point(self._remembered, self._stream.point)


def main(
    description: str,
    default_folder: str,
    begin: Callable[[Path, argparse.Namespace], Writer],
    options: Callable[[argparse.ArgumentParser], None] = lambda parser: None,
) -> int:
    """What the bridges' scripts do."""
    parser = arguments(description)
    parser.add_argument("--folder", default=default_folder, help="where to write [default: %(default)s]")
    options(parser)
    given = parser.parse_args()
    folder = Path(given.folder)
    folder.mkdir(parents=True, exist_ok=True)
    try:
        writer = begin(folder, given)
        try:
            bridge = Bridge(writer, folder / "move37-point.json", given.bootstrap, given.campaign)
            for stop in (signal.SIGINT, signal.SIGTERM):
                signal.signal(stop, lambda *_: bridge.stop())
            bridge.run(given.until_live)
        finally:
            writer.close()
        print(", ".join(f"{count} {kind}" for kind, count in sorted(bridge.counts.items())) or "nothing new")
    except StreamError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    return 0
