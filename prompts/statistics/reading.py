"""
What was asked and answered in a span of time, read from the hourly tallies and never from the book.

Hours are UTC's, and whole: a span begins and ends where its hours do. Percentiles are of the answers that
models made; those of the cache are counted apart.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncDay

from prompts.journal import Outcome
from prompts.models import HourlyFindings, HourlyTally
from prompts.statistics.latency import PLACES, percentile
from prompts.statistics.tallies import hour_of

TOP = 10
SUMS = ("prompts", "cached", "prompt_tokens", "completion_tokens", "cached_tokens")
SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
ANSWERS = (Outcome.ANSWERED, Outcome.TRUNCATED)


class Step(StrEnum):
    """How long one point of a series is."""

    HOUR = "hour"
    DAY = "day"


LENGTHS = {Step.HOUR: timedelta(hours=1), Step.DAY: timedelta(days=1)}
# So that a series has at most some hundred points.
LONGEST = {Step.HOUR: timedelta(days=31), Step.DAY: timedelta(days=732)}


@dataclass(frozen=True, slots=True)
class Span:
    """From `since` until before `until`, both at the beginning of a step."""

    since: datetime
    until: datetime
    step: Step = Step.HOUR

    @classmethod
    def around(cls, since: datetime, until: datetime, step: Step) -> "Span":
        """The whole steps that touch these instants."""
        return cls(_floor(since, step), _floor(until - timedelta(microseconds=1), step) + LENGTHS[step], step)

    def points(self) -> Iterator[datetime]:
        at = self.since
        while at < self.until:
            yield at
            at += LENGTHS[self.step]


@dataclass(slots=True)
class Counts:
    """Of one point, one user or a whole span."""

    prompts: int = 0
    cached: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)

    def add(self, outcome: str, sums: dict[str, Any]) -> None:
        for name in SUMS:
            setattr(self, name, getattr(self, name) + sums[name])
        if sums["prompts"]:
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + sums["prompts"]


@dataclass(frozen=True, slots=True)
class Found:
    """A rule's findings that met with one action. `prompts` had at least one of them."""

    rule: str
    direction: str
    action: str
    prompts: int
    findings: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Of one model's answers, in milliseconds; None where there were none."""

    model: str
    answers: int
    total: dict[str, float | None]
    first_token: dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Statistics:
    """`users` are those who asked most, the most first."""

    span: Span
    counts: Counts
    series: dict[datetime, Counts]
    findings: tuple[Found, ...]
    latencies: tuple[Latency, ...]
    users: dict[UUID, int]


def read(span: Span, *, user_id: UUID | None = None) -> Statistics:
    """What happened in a span: of one user, or of everybody. Four queries."""
    tallies = HourlyTally.objects.filter(hour__gte=span.since, hour__lt=span.until)
    found = HourlyFindings.objects.filter(hour__gte=span.since, hour__lt=span.until)
    if user_id is not None:
        tallies, found = tallies.filter(user_id=user_id), found.filter(user_id=user_id)
    series, counts = _series(tallies, span)
    return Statistics(span, counts, series, _findings(found), _latencies(tallies), _users(tallies))


def _series(tallies: QuerySet[HourlyTally], span: Span) -> tuple[dict[datetime, Counts], Counts]:
    """The counts of each point, and of all together."""
    if span.step is Step.DAY:
        tallies = tallies.annotate(at=TruncDay("hour", tzinfo=UTC))
    name = "at" if span.step is Step.DAY else "hour"
    sums: dict[str, Any] = {one: Sum(one) for one in SUMS}
    series, counts = {at: Counts() for at in span.points()}, Counts()
    for row in tallies.values(name, "outcome").order_by().annotate(**sums):
        series[row[name]].add(row["outcome"], row)
        counts.add(row["outcome"], row)
    return series, counts


def _findings(found: QuerySet[HourlyFindings]) -> tuple[Found, ...]:
    names = ("rule", "direction", "action")
    rows = found.values_list(*names).order_by().annotate(with_it=Sum("prompts"), times=Sum("findings"))
    made = [Found(*row) for row in rows]
    shown = [one for one in made if one.findings > 0]
    return tuple(sorted(shown, key=lambda one: (-one.findings, one.rule, one.direction, one.action)))


def _latencies(tallies: QuerySet[HourlyTally]) -> tuple[Latency, ...]:
    columns = [f"{kind}_{place}" for kind in ("total", "first") for place in PLACES]
    sums: dict[str, Any] = {f"sum_{column}": Sum(column) for column in columns}
    answers = tallies.filter(outcome__in=ANSWERS).values_list("model").order_by().annotate(**sums)
    made = []
    for row in answers:
        counts = [max(0, number) for number in row[1:]]
        total, first = counts[: len(PLACES)], counts[len(PLACES) :]
        if any(total):
            made.append(Latency(row[0], sum(total), _percentiles(total), _percentiles(first)))
    return tuple(sorted(made, key=lambda one: (-one.answers, one.model)))


def _percentiles(counts: list[int]) -> dict[str, float | None]:
    return {name: percentile(counts, share) for name, share in SHARES.items()}


def _users(tallies: QuerySet[HourlyTally]) -> dict[UUID, int]:
    sums = tallies.values_list("user_id").order_by().annotate(asked=Sum("prompts"))
    return {user_id: asked for user_id, asked in sums.order_by("-asked", "user_id")[:TOP] if asked > 0}


def _floor(instant: datetime, step: Step) -> datetime:
    hour = hour_of(instant.astimezone(UTC))
    return hour if step is Step.HOUR else hour.replace(hour=0)
