"""What is allowed. Knows no users, no clock and no counts."""

from dataclasses import dataclass, fields
from uuid import UUID

NO_LIMIT = 0


@dataclass(frozen=True, slots=True)
class Quota:
    """Four limits. None says nothing: what stands behind it decides. 0 is no limit.

    `streams` are answers in progress, streamed or not: either holds the model. A month is a calendar month,
    UTC.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    streams: int | None = None
    monthly_tokens: int | None = None

    def before(self, other: "Quota") -> "Quota":
        """This quota, with `other` deciding where it says nothing."""
        pairs = zip(self.numbers, other.numbers, strict=True)
        return Quota(*(theirs if mine is None else mine for mine, theirs in pairs))

    @property
    def numbers(self) -> tuple[int | None, ...]:
        """In the order of NAMES."""
        return (self.requests_per_minute, self.tokens_per_minute, self.streams, self.monthly_tokens)

    @property
    def limits_anything(self) -> bool:
        return any(self.numbers)


NAMES = tuple(field.name for field in fields(Quota))


@dataclass(frozen=True, slots=True)
class Bound:
    """A quota that is counted for one subject: a user's id, or a key's."""

    subject: UUID
    quota: Quota


def wider_than(quota: Quota, owner: Quota) -> dict[str, int]:
    """Of a key's quota what its owner may not give, by name, each with the owner's own limit."""
    found = {}
    for name, mine, limit in zip(NAMES, quota.numbers, owner.numbers, strict=True):
        if limit and mine is not None and (mine == NO_LIMIT or mine > limit):
            found[name] = limit
    return found
