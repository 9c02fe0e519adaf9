"""The counts of one process: what it needs where there is no other, and goes by while Redis is away."""

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime
from uuid import UUID

from accounts.limits.ledger import Account, Moment, Refusal, Standing, Wanted, reserve
from accounts.limits.quotas import Bound
from accounts.limits.reservations import Reservation
from accounts.limits.tills import Learned, Reply

MOST = 10_000
IDLE_MS = 3_600_000
FOREVER_MS = 1 << 50


def now() -> Moment:
    """Minutes and leases go by a clock that nobody sets, months by the calendar."""
    today = datetime.now(UTC)
    month = today.year * 12 + today.month - 1
    ends_at = datetime((month + 1) // 12, (month + 1) % 12 + 1, 1, tzinfo=UTC)
    ms = time.monotonic_ns() // 1_000_000
    return Moment(ms, month, ms + round((ends_at - today).total_seconds() * 1000))


class MemoryTill:
    """`tills.Till` in a dict. A lease lasts as long as the process, and dies with it and its counts."""

    works = True

    def __init__(self) -> None:
        self._accounts: dict[UUID, Account] = {}
        self._touched_ms: dict[UUID, int] = {}
        self._lock = threading.Lock()

    def reserve(
        self, bounds: Sequence[Bound], wanted: Wanted, learned: Mapping[UUID, Learned]
    ) -> "Future[Reply]":
        answer: Future[Reply] = Future()
        with self._lock:
            answer.set_result(self._reserve(bounds, wanted, learned))
        return answer

    def _reserve(self, bounds: Sequence[Bound], wanted: Wanted, learned: Mapping[UUID, Learned]) -> Reply:
        moment = now()
        accounts = [(self._account(bound.subject, moment), bound.quota) for bound in bounds]
        marks: dict[UUID, int] = {}
        for bound, (account, quota) in zip(bounds, accounts, strict=True):
            if not quota.monthly_tokens:
                continue
            if (said := learned.get(bound.subject)) is not None:
                account.month.learn(said.used, mark=said.mark, now=moment)
            if not account.month.is_known(moment):
                marks[bound.subject] = account.month.ask(moment)
        if marks:
            return Reply(month=moment.month, marks=marks)
        refusal: Refusal | None = reserve(accounts, wanted, moment, lease_ms=FOREVER_MS)
        standings: list[Standing] = [account.standing(quota, moment) for account, quota in accounts]
        return Reply(refusal=refusal, standings=tuple(standings), now_ms=moment.ms)

    def settle(self, reservation: Reservation, *, tokens: int) -> None:
        with self._lock:
            moment = now()
            for bound in reservation.bounds:
                self._account(bound.subject, moment).settle(
                    bound.quota,
                    reservation.id,
                    reserved=reservation.tokens,
                    used=tokens,
                    second=reservation.second,
                    now=moment,
                )

    def ping(self) -> None:
        """It is here."""

    def close(self) -> None:
        """Nothing to close."""

    def _account(self, subject: UUID, moment: Moment) -> Account:
        if subject not in self._accounts:
            if len(self._accounts) >= MOST:
                self._forget_idle(moment)
            self._accounts[subject] = Account()
        self._touched_ms[subject] = moment.ms
        return self._accounts[subject]

    def _forget_idle(self, moment: Moment) -> None:
        for subject, touched_ms in list(self._touched_ms.items()):
            if moment.ms - touched_ms > IDLE_MS and not self._accounts[subject].leases:
                del self._accounts[subject], self._touched_ms[subject]
