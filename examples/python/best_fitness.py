"""Follow a campaign: print the best fitness so far as it improves, draw it, and count the facts.

    python best_fitness.py --bootstrap localhost:9092 --plot best_fitness.png

Ends when the campaign is closed (or at the live edge with --until-live) with one line of JSON. Its "facts" are those that
`move37 replay --json` counts: the campaign's facts on all topics, workers' facts about it included.
"""

from __future__ import annotations

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from move37_facts import Fact
from move37_stream import Stream, StreamError, arguments


@dataclass
class Campaign:
    """What was seen of a campaign."""

    id: str
    topics: Counter = field(default_factory=Counter)
    started: float = 0.0
    closed: str | None = None
    """Why it ended."""
    scores: list[tuple[int, float, str]] = field(default_factory=list)
    """Experiment, fitness and name, in the order in which they were scored."""
    best: tuple[int, float, str] | None = None

    def take(self, fact: Fact) -> str | None:
        """Take a fact in; what is worth printing about it."""
        self.topics[fact.topic] += 1
        if fact.name == "campaign.started":
            self.started = fact.time.timestamp()
        elif fact.name == "campaign.closed":
            self.closed = fact.body["reason"]
        elif fact.name == "fitness.scored" and (fitness := fact.body["fitness"]) is not None:
            score = (fact.experiment, fitness, fact.body["scored"]["brief"]["name"])
            self.scores.append(score)
            # Of equal ones the first is the best, as in the campaign's own leaderboard.
            if self.best is None or fitness > self.best[1]:
                self.best = score
                return f"{fact.time:%H:%M:%S}  {self.id}  #{score[0]:<4} {fitness:.4f}  {score[2]}"
        return None

    def summary(self, stream: Stream) -> dict:
        """What a script compares with the log's own count."""
        best = self.best and dict(zip(("experiment", "fitness", "name"), self.best, strict=True))
        return {
            "campaign": self.id,
            "facts": self.topics.total(),
            "topics": dict(sorted(self.topics.items())),
            "best": best,
            "closed": self.closed,
            # Of the whole stream: a record that is no fact belongs to no campaign.
            "invalid": stream.invalid,
            "dropped": dict(sorted(stream.dropped.items())),
            "live": stream.live,
        }


def draw(campaign: Campaign, path: str) -> None:
    """The fitness of every experiment, and the best so far."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(8, 4.5), layout="constrained")
    places = range(1, len(campaign.scores) + 1)
    fitness = [score[1] for score in campaign.scores]
    so_far = [max(fitness[:place]) for place in places]
    axes.axhline(0.5, color="0.6", linestyle="--", linewidth=1, label="baseline")
    axes.step(places, so_far, where="post", color="C0", label="best so far")
    axes.scatter(places, fitness, color="C1", s=18, zorder=3, label="experiment")
    for place, (experiment, value, _) in zip(places, campaign.scores, strict=True):
        axes.annotate(f"#{experiment}", (place, value), textcoords="offset points", xytext=(4, 4), fontsize=7)
    axes.set(title=campaign.id, xlabel="scored experiments, in order", ylabel="fitness", ylim=(-0.03, 1.03))
    axes.legend(loc="best")
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def follow(stream: Stream, wanted: str | None, until_live: bool, linger: float) -> Campaign | None:
    """Read until the end, telling of improvements. The campaign that was wanted, or the newest."""
    campaigns: dict[str, Campaign] = {}
    quiet_since = time.monotonic()

    def newest() -> Campaign | None:
        return campaigns.get(wanted) if wanted else max(campaigns.values(), key=lambda c: c.started, default=None)

    while not (until_live and stream.live):
        fact = stream.poll(0.2)
        if fact is None:
            # Topics have no common order, so the last fact of a campaign need not be the one that closes it.
            campaign = stream.live and newest()
            if campaign and campaign.closed and time.monotonic() - quiet_since > linger:
                return campaign
        elif fact.campaign and wanted in (None, fact.campaign):
            quiet_since = time.monotonic()
            improved = campaigns.setdefault(fact.campaign, Campaign(fact.campaign)).take(fact)
            if improved:
                print(improved, flush=True)
    return newest()


def main() -> int:
    parser = arguments(__doc__.splitlines()[0])
    parser.add_argument("--plot", default="best_fitness.png", help="picture to write, empty for none [default: %(default)s]")
    parser.add_argument("--linger", type=float, default=3.0, help="seconds without a fact after the end [default: %(default)s]")
    given = parser.parse_args()
    try:
        with Stream(given.bootstrap) as stream:
            campaign = follow(stream, given.campaign, given.until_live, given.linger)
            if campaign is None:
                raise StreamError("there is no such campaign on this cluster: see `move37 campaign list`")
            if given.plot and campaign.scores:
                draw(campaign, given.plot)
            print(json.dumps(campaign.summary(stream)))
    except StreamError as error:
        print(f"error: {error}", file=sys.stderr)
        return 3
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
