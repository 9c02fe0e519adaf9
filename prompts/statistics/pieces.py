"""
Which parts of a span are read from the sums of their days, and which from their tallies: those of days that
are not in their sums (`prompts.statistics.summing`), and of days that the span has only a part of.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model, Q, QuerySet

from prompts.statistics.summing import DAY, day_of

Stretch = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Pieces:
    """A span: stretches of days that are read from their sums, and the others. Together they are the span."""

    summed: tuple[Stretch, ...]
    others: tuple[Stretch, ...]

    @classmethod
    def of(cls, since: datetime, until: datetime, apart: Iterable[datetime]) -> "Pieces":
        """`apart` are the days that may not be read from their sums; the span's are whole."""
        others = tuple(_joined(since, until, sorted(apart)))
        ends = [since, *(at for stretch in others for at in stretch), until]
        summed = tuple((one, next) for one, next in zip(ends[::2], ends[1::2], strict=True) if one < next)
        return cls(summed, others)

    @classmethod
    def of_tallies(cls, since: datetime, until: datetime) -> "Pieces":
        """All of it from its tallies."""
        return cls((), ((since, until),))

    def from_sums(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return _within(rows, self.summed)

    def from_tallies(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        return _within(rows, self.others)


def unsummed(tallies: type[Model], since: datetime, until: datetime) -> set[datetime]:
    """Days with hours of this span that are not in their sums, from an index that has only those: today,
    mostly."""
    hours = tallies._default_manager.filter(is_summed=False, hour__gte=since, hour__lt=until)
    return {day_of(hour) for hour in hours.order_by().values_list("hour", flat=True).distinct()}


def partial(since: datetime, until: datetime) -> set[datetime]:
    """The days that a span has only a part of."""
    return {day_of(at) for at in (since, until) if at != day_of(at)}


def _joined(since: datetime, until: datetime, days: list[datetime]) -> Iterator[Stretch]:
    """These days as far as they are in the span, those beside each other as one."""
    stretch: Stretch | None = None
    for day in days:
        begin, end = max(day, since), min(day + DAY, until)
        if begin >= end:
            continue
        if stretch and stretch[1] == begin:
            stretch = (stretch[0], end)
            continue
        if stretch:
            yield stretch
        stretch = (begin, end)
    if stretch:
        yield stretch


def _within(rows: QuerySet[Any], stretches: tuple[Stretch, ...]) -> QuerySet[Any]:
    """Nothing, and no question, where there are none."""
    if not stretches:
        return rows.none()
    wanted = Q()
    for since, until in stretches:
        wanted |= Q(hour__gte=since, hour__lt=until)
    return rows.filter(wanted)
