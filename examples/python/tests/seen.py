"""Observations of a small campaign for the bridges' tests: two runs, one of them lost and trained again."""

from observations import Curve, Ended, Insight, Result, Score

CURVE = [(1, 3.5), (2, 3.25), (3, 3.0)]


def _at(time: float) -> dict:
    return {"campaign": "campaign-1", "experiment": 6, "time": 1_700_000_000 + time}


RUN = {"run": "6-explore-mqar-0", "attempt": 1}
AGAIN = {"run": "6-explore-mqar-1", "attempt": 2}
VALUES = {"value": 0.5, "validation_loss": 3.125}
ALL = [
    Curve(**_at(1), **RUN, points=CURVE[:2]),
    Ended(**_at(2), **AGAIN | {"attempt": 1}, why="run.lost: its worker fell silent"),
    # The result comes before the worker's last points: topics have no common order.
    Result(**_at(3), **RUN, points=CURVE, values=VALUES, about={"task": "mqar", "seed": "0"}),
    Curve(**_at(2), **RUN, points=CURVE[2:]),
    Curve(**_at(4), **AGAIN, points=CURVE),
    Score(**_at(5), name="delta_fir3", fitness=0.75, tasks={"mqar": 0.5}),
    Insight(**_at(6), name="delta_fir3", text="# delta_fir3\n\nIt works."),
]
