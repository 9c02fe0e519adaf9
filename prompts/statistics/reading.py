"""
What was asked and answered in a span of time, read from the sums of days and from the hourly tallies of
those that are not summed up, and never from the book.

Hours are UTC's, and whole: a span begins and ends where its hours do. Percentiles are of the answers that
models made; those of the cache are counted apart.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from operator import add
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import BigIntegerField, F, Model, Sum
from django.db.models.functions import Cast, TruncDay, TruncWeek

from prompts import posting
from prompts.journal import Outcome
from prompts.models import EVERYBODY, HourlyFindings, HourlyTally, SummedAsker, SummedFindings, SummedTally
from prompts.statistics.latency import PLACES, percentile
from prompts.statistics.pieces import Pieces, partial, unsummed
from prompts.statistics.tallies import FINDINGS_COUNTS, hour_of

TOP = 10
SUMS = ("prompts", "cached", "prompt_tokens", "completion_tokens", "cached_tokens")
SHARES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
PLACED = tuple(f"{kind}_{place}" for kind in ("total", "first") for place in PLACES)
FOUND_BY = ("rule", "direction", "action")
ANSWERS = (Outcome.ANSWERED, Outcome.TRUNCATED)


class Step(StrEnum):
    """How long one point of a series is."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"  # from Monday


LENGTHS = {Step.HOUR: timedelta(hours=1), Step.DAY: timedelta(days=1), Step.WEEK: timedelta(days=7)}
# So that a series has at most some hundred points.
LONGEST = {
    Step.HOUR: timedelta(days=31),
    Step.DAY: timedelta(days=732),
    Step.WEEK: timedelta(days=3660),
}
POINTS: dict[Step, Any] = {
    Step.HOUR: F("hour"),
    Step.DAY: TruncDay("hour", tzinfo=UTC),
    Step.WEEK: TruncWeek("hour", tzinfo=UTC),
}


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

    def add(self, outcome: str, sums: Sequence[int]) -> None:
        """`sums` are those of SUMS."""
        for name, number in zip(SUMS, sums, strict=True):
            setattr(self, name, getattr(self, name) + number)
        if sums[0]:
            self.outcomes[outcome] = self.outcomes.get(outcome, 0) + sums[0]


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
    """Series have every point of the span. `findings_series` counts findings by rule; `latency_series` is of
    all models together. `users`, `keys` and `models` are those of the most prompts, the most first."""

    span: Span
    counts: Counts
    series: dict[datetime, Counts]
    findings: tuple[Found, ...]
    findings_series: dict[datetime, Counter[str]]
    latencies: tuple[Latency, ...]
    latency_series: dict[datetime, Latency]
    users: dict[UUID, int]
    keys: dict[UUID, int]
    models: dict[str, int]


def read(span: Span, *, user_id: UUID | None = None) -> Statistics:
    """What happened in a span: of one user, or of everybody. At most thirteen queries, whatever the span,
    unless something is to be counted first."""
    posting.post()
    changed = unsummed(HourlyTally, span.since, span.until)
    tallies = _Source(HourlyTally, SummedTally, span, user_id, changed)
    changed_findings = unsummed(HourlyFindings, span.since, span.until)
    findings = _Source(HourlyFindings, SummedFindings, span, user_id, changed_findings)
    asked, met = _Asked(span), _Met(span)
    for at, outcome, *counts in tallies.sums(("at", "outcome"), (*SUMS, *PLACED)):
        asked.add_to_point(_instant(at), outcome, counts)
    for model, outcome, *counts in tallies.sums(("model", "outcome"), ("prompts", *PLACED)):
        asked.add_to_model(model, outcome, counts)
    for at, rule, count in findings.sums(("at", "rule"), ("findings",)):
        met.series[_instant(at)][rule] += count
    for rule, direction, action, prompts, count in findings.sums(FOUND_BY, FINDINGS_COUNTS):
        met.add((rule, direction, action), prompts, count)
    askers = Pieces.of(span.since, span.until, changed | partial(span.since, span.until))
    return Statistics(
        span=span,
        counts=asked.counts,
        series=asked.series,
        findings=met.found(),
        findings_series=met.series,
        latencies=asked.latencies(),
        latency_series=asked.latency_series(),
        users=_most("user_id", askers, user_id),
        keys=_most("key_id", askers, user_id),
        models=asked.models(),
    )


class _Source:
    """The tallies of a span and the sums of its days, each read where it is to be read."""

    def __init__(
        self,
        tallies: type[Model],
        sums: type[Model],
        span: Span,
        user_id: UUID | None,
        changed: set[datetime],
    ) -> None:
        of_all, is_hourly = tallies._default_manager.all(), span.step is Step.HOUR
        pieces = Pieces.of(span.since, span.until, changed)
        if user_id is not None:
            of_all = of_all.filter(user_id=user_id)
            if is_hourly:  # which nobody sums up for each user
                pieces = Pieces.of_tallies(span.since, span.until)
        summed = sums._default_manager.filter(user_id=user_id or EVERYBODY, hours=1 if is_hourly else 24)
        self._point = POINTS[span.step]
        self._rows = [pieces.from_sums(summed), pieces.from_tallies(of_all)]

    def sums(self, names: tuple[str, ...], columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
        """The sums of these columns for each of these names, of which one may be `at`, a point. Some come
        twice, and are to be added up. As the database's driver gives them: Django's models would look at
        each of thirty numbers a row."""
        wanted = {f"sum_{column}": Cast(Sum(column), BigIntegerField()) for column in columns}
        for rows in self._rows:
            if rows.query.is_empty():
                continue
            summed = rows.annotate(at=self._point).values_list(*names).order_by().annotate(**wanted)
            with connection.cursor() as cursor:
                cursor.execute(*summed.query.sql_with_params())
                yield from cursor.fetchall()


def _instant(at: datetime | str) -> datetime:
    """A point as a driver gives it: SQLite as text, PostgreSQL's truncated ones without their zone."""
    instant = datetime.fromisoformat(at) if isinstance(at, str) else at
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


class _Asked:
    """Adds up tallies."""

    def __init__(self, span: Span) -> None:
        self.counts = Counts()
        self.series = {at: Counts() for at in span.points()}
        self._models: Counter[str] = Counter()
        self._by_model: dict[str, list[int]] = {}
        self._by_point: dict[datetime, list[int]] = {}

    def add_to_point(self, at: datetime, outcome: str, counts: list[int]) -> None:
        """`counts` are those of SUMS and PLACED."""
        for sums in (self.counts, self.series[at]):
            sums.add(outcome, counts[: len(SUMS)])
        _place(self._by_point, at, outcome, counts[len(SUMS) :])

    def add_to_model(self, model: str, outcome: str, counts: list[int]) -> None:
        """`counts` are prompts and those of PLACED."""
        self._models[model] += counts[0]
        _place(self._by_model, model, outcome, counts[1:])

    def latencies(self) -> tuple[Latency, ...]:
        made = [_latency(model, places) for model, places in self._by_model.items()]
        return tuple(sorted((one for one in made if one.answers), key=lambda one: (-one.answers, one.model)))

    def latency_series(self) -> dict[datetime, Latency]:
        return {at: _latency("", self._by_point.get(at, [0] * len(PLACED))) for at in self.series}

    def models(self) -> dict[str, int]:
        return {model: asked for model, asked in self._models.most_common(TOP) if asked > 0}


class _Met:
    """Adds up findings."""

    def __init__(self, span: Span) -> None:
        self.series: dict[datetime, Counter[str]] = {at: Counter() for at in span.points()}
        self._found: Counter[tuple[str, str, str]] = Counter()
        self._prompts: Counter[tuple[str, str, str]] = Counter()

    def add(self, what: tuple[str, str, str], prompts: int, findings: int) -> None:
        """`what` is as FOUND_BY says."""
        self._prompts[what] += prompts
        self._found[what] += findings

    def found(self) -> tuple[Found, ...]:
        shown = [
            Found(*what, self._prompts[what], findings)
            for what, findings in self._found.items()
            if findings > 0
        ]
        return tuple(sorted(shown, key=lambda one: (-one.findings, one.rule, one.direction, one.action)))


def _place(places: dict[Any, list[int]], name: Any, outcome: str, counts: list[int]) -> None:
    if outcome in ANSWERS:
        places[name] = list(map(add, places.get(name, [0] * len(PLACED)), counts))


def _latency(model: str, places: list[int]) -> Latency:
    counts = [max(0, number) for number in places]  # what was taken back may be of another span
    total, first = counts[: len(PLACES)], counts[len(PLACES) :]
    return Latency(model, sum(total), _percentiles(total), _percentiles(first))


def _percentiles(counts: list[int]) -> dict[str, float | None]:
    return {name: percentile(counts, share) for name, share in SHARES.items()}


def _most(name: str, pieces: Pieces, user_id: UUID | None) -> dict[UUID, int]:
    """Those who asked most, the most first."""
    whose = {} if user_id is None else {"user_id": user_id}
    sources = [
        rows.order_by().values_list(name, "prompts")
        for rows in (
            pieces.from_sums(SummedAsker.objects.filter(**whose)),
            pieces.from_tallies(HourlyTally.objects.filter(**whose)),
        )
        if not rows.query.is_empty()
    ]
    texts, values = zip(*(rows.query.sql_with_params() for rows in sources), strict=True)
    column = connection.ops.quote_name(name)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {column}, sum(prompts) AS asked FROM ({' UNION ALL '.join(texts)}) AS asks "  # noqa: S608  # nosec B608
            f"GROUP BY {column} HAVING sum(prompts) > 0 ORDER BY asked DESC, {column} LIMIT {TOP}",
            [one for some in values for one in some],
        )
        return {id if isinstance(id, UUID) else UUID(id): int(asked) for id, asked in cursor.fetchall()}


def _floor(instant: datetime, step: Step) -> datetime:
    hour = hour_of(instant.astimezone(UTC))
    if step is Step.HOUR:
        return hour
    day = hour.replace(hour=0)
    return day - timedelta(days=day.weekday()) if step is Step.WEEK else day
