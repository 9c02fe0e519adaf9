"""
The arithmetic of limits. No clock, no lock, no store: `memory` keeps this in a process, and the scripts in
this folder do the same in Redis (a test holds the two against each other).

    minute    what happened in the last 60 s, by second. A second is forgotten when it lies wholly behind, so
              no 60 s ever hold more than the limit
    lease     an answer in progress, with the tokens that it may take. Renewed while its process lives
    month     what the database says was used, and what came since; the database is asked again now and then

Whatever dies between `reserve` and `settle` heals by itself: its lease runs out, and its minute passes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from accounts.limits.quotas import Quota

WINDOW_SECONDS = 60
LEASE_MS = 30_000
# After this long the database is asked again what was used in the month.
LEARNED_MS = 600_000
# Whoever was asked for it and did not bring it within this time is no longer waited for.
LEARNING_MS = 5_000
# A seat is free when some answer ends, and nobody knows when: look again after this.
SEAT_WAIT_MS = 1_000

# size: more tokens than the minute's limit at once, so waiting does not help.
Reason = Literal["requests", "tokens", "streams", "month", "size"]


@dataclass(frozen=True, slots=True)
class Moment:
    """`ms` since some beginning; `month` counts from year 0; `month_ends_ms` is when the next one begins."""

    ms: int
    month: int
    month_ends_ms: int

    @property
    def second(self) -> int:
        return self.ms // 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a request takes. Without a lease it holds nothing while it runs, and takes no tokens."""

    id: str
    tokens: int = 0
    requests: int = 1
    with_lease: bool = True


@dataclass(frozen=True, slots=True)
class Refusal:
    """`wait_ms` is after how long it would fit, if nothing else comes; None: never."""

    reason: Reason
    limit: int
    wait_ms: int | None


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a subject stands. What is not limited is not counted and says 0. `…_reset_ms`: after how long
    the minute is empty."""

    quota: Quota
    requests: int = 0
    requests_reset_ms: int = 0
    tokens: int = 0
    tokens_reset_ms: int = 0
    streams: int = 0
    month: int = 0  # used, and held for answers in progress


class Minute:
    """How much happened in each of the last seconds."""

    def __init__(self) -> None:
        self.seconds: dict[int, int] = {}

    def total(self, now: Moment) -> int:
        """What the last 60 s hold. Forgets what lies behind, or ahead: a clock may be put back."""
        gone = [at for at in self.seconds if abs(now.second - at) > WINDOW_SECONDS]
        for at in gone:
            del self.seconds[at]
        return sum(self.seconds.values())

    def add(self, amount: int, now: Moment) -> None:
        self.seconds[now.second] = self.seconds.get(now.second, 0) + amount

    def correct(self, difference: int, *, second: int, now: Moment) -> None:
        """More was taken than thought: it counts now. Less: that second gets it back, if it still counts."""
        if difference > 0:
            self.add(difference, now)
        elif second in self.seconds:
            self.seconds[second] += difference

    def wait_ms(self, excess: int, now: Moment) -> int:
        """After how long at least `excess` will be forgotten."""
        for at, amount in sorted(self.seconds.items()):
            excess -= amount
            if excess <= 0:
                return _forgotten_ms(at, now)
        return self.reset_ms(now)

    def reset_ms(self, now: Moment) -> int:
        return _forgotten_ms(max(self.seconds), now) if self.seconds else 0


def _forgotten_ms(second: int, now: Moment) -> int:
    return (second + WINDOW_SECONDS + 1) * 1000 - now.ms


@dataclass(slots=True)
class Month:
    """A copy of what the database says. `mark` is set while somebody asks it; `late` is what was settled
    meanwhile, which may or may not be in his answer. It counts on top: rather too much than too little."""

    number: int = -1
    used: int = 0
    learned_ms: int = 0
    mark: int | None = None
    late: int = 0

    def is_known(self, now: Moment) -> bool:
        return self.number == now.month and now.ms - self.learned_ms < LEARNED_MS

    def ask(self, now: Moment) -> int:
        """The mark under which the answer of the database is to be brought."""
        if self.mark is None or now.ms - self.mark > LEARNING_MS:
            self.mark, self.late = now.ms, 0
        return self.mark

    def learn(self, used: int, *, mark: int, now: Moment) -> None:
        """What the database answered. An answer to another question is none."""
        if mark == self.mark:
            self.number, self.used, self.learned_ms = now.month, used + self.late, now.ms
            self.mark, self.late = None, 0

    def add(self, tokens: int, now: Moment) -> None:
        if self.is_known(now):
            self.used += tokens
        elif self.mark is not None:
            self.late += tokens


@dataclass(slots=True)
class Account:
    """The counts of one subject."""

    requests: Minute = field(default_factory=Minute)
    tokens: Minute = field(default_factory=Minute)
    leases: dict[str, tuple[int, int]] = field(default_factory=dict)  # id to its end and its tokens
    month: Month = field(default_factory=Month)

    @property
    def held(self) -> int:
        return sum(tokens for _, tokens in self.leases.values())

    def expire(self, now: Moment) -> None:
        """Ends the leases that nobody renewed."""
        for id in [id for id, (ends_ms, _) in self.leases.items() if ends_ms <= now.ms]:
            del self.leases[id]

    def renew(self, id: str, now: Moment, *, lease_ms: int) -> None:
        """One that has run out is not begun again."""
        self.expire(now)
        if id in self.leases:
            self.leases[id] = (now.ms + lease_ms, self.leases[id][1])

    def refusals(self, quota: Quota, wanted: Wanted, now: Moment) -> list[Refusal]:
        found = []
        if limit := quota.requests_per_minute:
            over = self.requests.total(now) + wanted.requests - limit
            if over > 0 and wanted.requests:
                found.append(Refusal("requests", limit, self.requests.wait_ms(over, now)))
        if limit := quota.tokens_per_minute:
            over = self.tokens.total(now) + wanted.tokens - limit
            if wanted.tokens > limit:
                found.append(Refusal("size", limit, None))
            elif over > 0 and wanted.tokens:
                found.append(Refusal("tokens", limit, self.tokens.wait_ms(over, now)))
        if (limit := quota.streams) and wanted.with_lease and len(self.leases) >= limit:
            found.append(Refusal("streams", limit, SEAT_WAIT_MS))
        spent = self.month.used + self.held
        if (limit := quota.monthly_tokens) and wanted.tokens and spent + wanted.tokens > limit:
            found.append(Refusal("month", limit, now.month_ends_ms - now.ms))
        return found

    def take(self, quota: Quota, wanted: Wanted, now: Moment, *, lease_ms: int) -> None:
        if quota.requests_per_minute and wanted.requests:
            self.requests.add(wanted.requests, now)
        if quota.tokens_per_minute and wanted.tokens:
            self.tokens.add(wanted.tokens, now)
        if wanted.with_lease:
            self.leases[wanted.id] = (now.ms + lease_ms, wanted.tokens)

    def settle(self, quota: Quota, id: str, *, reserved: int, used: int, second: int, now: Moment) -> None:
        """It took `used` tokens, for which `reserved` were taken in that second."""
        self.leases.pop(id, None)
        if quota.tokens_per_minute:
            self.tokens.correct(used - reserved, second=second, now=now)
        if quota.monthly_tokens:
            self.month.add(used, now)

    def standing(self, quota: Quota, now: Moment) -> Standing:
        is_counted = quota.requests_per_minute, quota.tokens_per_minute
        return Standing(
            quota,
            requests=self.requests.total(now) if is_counted[0] else 0,
            requests_reset_ms=self.requests.reset_ms(now) if is_counted[0] else 0,
            tokens=self.tokens.total(now) if is_counted[1] else 0,
            tokens_reset_ms=self.tokens.reset_ms(now) if is_counted[1] else 0,
            streams=len(self.leases) if quota.streams else 0,
            month=self.month.used + self.held if quota.monthly_tokens else 0,
        )


def reserve(
    accounts: Sequence[tuple[Account, Quota]], wanted: Wanted, now: Moment, *, lease_ms: int = LEASE_MS
) -> Refusal | None:
    """Takes what is wanted from all accounts, or from none: then why not, of several reasons the one that
    lasts longest. Each month is to be known."""
    found: list[Refusal] = []
    for account, quota in accounts:
        account.expire(now)
        found += account.refusals(quota, wanted, now)
    if found:
        return max(found, key=lambda one: float("inf") if one.wait_ms is None else one.wait_ms)
    for account, quota in accounts:
        account.take(quota, wanted, now, lease_ms=lease_ms)
    return None
