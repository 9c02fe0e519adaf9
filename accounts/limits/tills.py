"""What `memory` and `shared` have in common: where reservations are counted."""

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Protocol, TypeAlias
from uuid import UUID

from accounts.limits.ledger import Refusal, Standing, Wanted
from accounts.limits.quotas import Bound
from accounts.limits.reservations import Reservation


class TillAway(Exception):
    """Redis did not answer, or not in time."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What the database says was used in the month, to the question that has this mark."""

    mark: int
    used: int


@dataclass(frozen=True, slots=True)
class Reply:
    """`marks`: of these subjects nobody knows the month; ask the database, and then again. Else `standings`
    are as of `now_ms`, and `refusal` says whether anything was taken."""

    marks: Mapping[UUID, int] = field(default_factory=dict)
    month: int = 0
    refusal: Refusal | None = None
    standings: tuple[Standing, ...] = ()
    now_ms: int = 0


# In an event loop it may be one of that loop.
Answer: TypeAlias = "Future[Reply] | asyncio.Future[Reply]"


class Till(Protocol):
    """Counts. Safe to use from any thread and from the event loop."""

    @property
    def works(self) -> bool:
        """Whether it is asked at all at this moment."""
        ...

    def reserve(self, bounds: Sequence[Bound], wanted: Wanted, learned: Mapping[UUID, Learned]) -> Answer:
        """All of it or nothing. Waits for it where there is no event loop. The future raises TillAway."""
        ...

    def settle(self, reservation: Reservation, *, tokens: int) -> None:
        """Returns at once; raises nothing."""
        ...

    def ping(self) -> None:
        """Raises TillAway."""
        ...

    def close(self) -> None:
        """Sends what waits."""
        ...
