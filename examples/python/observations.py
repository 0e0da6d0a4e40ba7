"""What experiment trackers want to know of Move37's facts: curves, results, scores and insights.

Every observation is whole in itself, as facts are, so a bridge needs no memory of earlier ones and can go on from a
stored point. Times are the facts' own: a bridge that runs twice writes the same.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
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


def bridge(description: str, default_folder: str, begin: Callable[[Path, object], Writer], more: Callable | None = None) -> int:
    """A bridge's main: reads facts, hands observations to a writer, and remembers how far it has come in a file of the
    writer's folder. Stopped and started again it goes on there; what came between the last flush and a crash is
    written once more."""
    parser = arguments(description)
    parser.add_argument("--folder", default=default_folder, help="where to write [default: %(default)s]")
    if more:
        more(parser)
    given = parser.parse_args()
    folder = Path(given.folder)
    folder.mkdir(parents=True, exist_ok=True)
    remembered = folder / "move37-point.json"
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Stream(given.bootstrap, start=load_point(remembered)) as stream:
            writer = begin(folder, given)
            try:
                counts = _pump(stream, writer, remembered, given.campaign, given.until_live)
            finally:
                writer.close()
            print(", ".join(f"{count} {kind}" for kind, count in sorted(counts.items())) or "nothing new")
    except StreamError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    return 0


class Writer:
    """What a bridge implements."""

    def write(self, seen: Observation) -> None:
        """Take an observation in."""
        raise NotImplementedError

    def flush(self) -> None:
        """Make sure that what was taken in survives a crash."""

    def close(self) -> None:
        """The end."""


def _pump(stream: Stream, writer: Writer, remembered: os.PathLike, campaign: str | None, until_live: bool) -> dict[str, int]:
    counts: dict[str, int] = {}
    saved = time.monotonic()

    def save() -> None:
        writer.flush()
        save_point(remembered, stream.point)

    try:
        for seen in _observations(stream, campaign, until_live):
            if seen is not None:
                writer.write(seen)
                kind = type(seen).__name__.lower() + "(s)"
                counts[kind] = counts.get(kind, 0) + 1
            if time.monotonic() - saved > SECONDS_BETWEEN_POINTS:
                save()
                saved = time.monotonic()
    except KeyboardInterrupt:
        pass
    save()
    return counts


def _observations(stream: Stream, campaign: str | None, until_live: bool) -> Iterator[Observation | None]:
    while not (until_live and stream.live):
        fact = stream.poll(1.0)
        yield observe(fact) if fact and campaign in (None, fact.campaign) else None
