"""What the pipeline sees of limits: reserve before a model is asked, settle after. Plain Python."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from accounts.limits.ledger import Standing
from accounts.limits.quotas import Bound


class Settles(Protocol):
    """Whoever took a reservation."""

    def settle(self, reservation: "Reservation", *, tokens: int) -> None:
        """Returns at once. What cannot be settled heals when the lease runs out."""
        ...


@dataclass(frozen=True, slots=True)
class Reservation:
    """What was taken for one request, and where each of its subjects stands since then."""

    id: str
    bounds: tuple[Bound, ...]
    tokens: int
    second: int
    standings: tuple[Standing, ...]
    till: Settles = field(repr=False)

    def settle(self, *, tokens: int) -> None:
        """It took so many tokens. Once for each reservation."""
        self.till.settle(self, tokens=tokens)


class Limits(Protocol):
    """What `limiter.Limiter` does for the pipeline."""

    async def reserve(
        self, bounds: Sequence[Bound], *, tokens: int, with_lease: bool = True
    ) -> Reservation | None:
        """None where nothing is limited. Raises a LimitReached, LimitsUnavailable, or what the database
        raises."""
        ...
