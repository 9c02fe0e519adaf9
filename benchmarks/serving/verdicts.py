"""
From samples to a verdict: medians over rounds, ratios within a round, and whether the bar is met.

A round is one sample of each contender with the same prompts, taken one after the other, so whatever else the
machine does hits all of them alike; a ratio is taken within a round, and the median ratio counts. Of the ways
a peer can be configured, the one that does best by its own median counts.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.serving.traffic import Sample

OURS = "ours"
# Peer to the ways in which it takes part.
PEERS = {
    "llama-server": ("llama-server", "llama-server -np"),
    "llama-cpp-python": ("llama-cpp-python",),
    "LiteLLM": ("LiteLLM",),
}
Samples = Mapping[str, Sequence[Sample]]


@dataclass(frozen=True, slots=True)
class Bar:
    """What a figure (its name in samples) must be: our own, or times that of a peer (`against`)."""

    figure: str
    title: str
    at_least: float | None = None
    at_most: float | None = None
    against: str | None = None

    @property
    def text(self) -> str:
        limit = f"at least {self.at_least:g}" if self.at_least is not None else f"at most {self.at_most:g}"
        return f"{limit} x {self.against}" if self.against else limit

    def holds(self, value: float) -> bool:
        if self.at_least is not None:
            return value >= self.at_least
        return self.at_most is not None and value <= self.at_most


@dataclass(frozen=True, slots=True)
class Verdict:
    """A bar beside what was measured. `value` is what it is about, None if somebody did not take part."""

    bar: Bar
    medians: dict[str, float]
    value: float | None

    @property
    def is_met(self) -> bool | None:
        return None if self.value is None else self.bar.holds(self.value)

    def as_dict(self) -> dict[str, object]:
        return {
            "figure": self.bar.figure,
            "title": self.bar.title,
            "bar": self.bar.text,
            "medians": self.medians,
            "value": self.value,
            "met": self.is_met,
        }


def judge(bar: Bar, samples: Samples) -> Verdict:
    figures = {
        name: [sample[bar.figure] for sample in taken if bar.figure in sample]
        for name, taken in samples.items()
    }
    medians = {name: statistics.median(values) for name, values in figures.items() if values}
    if OURS not in medians:
        return Verdict(bar, medians, None)
    if bar.against is None:
        return Verdict(bar, medians, medians[OURS])
    best = best_way(bar, medians)
    if best is None:
        return Verdict(bar, medians, None)
    ratios = [ours / theirs for ours, theirs in zip(figures[OURS], figures[best], strict=False)]
    return Verdict(bar, medians, statistics.median(ratios))


def best_way(bar: Bar, medians: Mapping[str, float]) -> str | None:
    """The peer's configuration that is hardest for us; None if it did not take part."""
    ways = [name for name in PEERS.get(bar.against or "", ()) if name in medians]
    if not ways:
        return None
    return (
        max(ways, key=medians.__getitem__) if bar.at_least is not None else min(ways, key=medians.__getitem__)
    )
