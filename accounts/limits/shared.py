"""
The counts of all processes, in Redis.

Each call is one script, which runs alone in Redis, on its clock, and none makes the event loop wait
(`accounts.redis_line`). An event loop that takes leases renews those of its process's answers in progress; if
the process dies, they run out.

Redis holds ids and numbers, nothing else.
"""

import asyncio
import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID
from weakref import WeakSet

from redis.exceptions import NoScriptError

from accounts import redis_line
from accounts.limits.ledger import LEASE_MS, Reason, Refusal, Standing, Wanted
from accounts.limits.quotas import Bound
from accounts.limits.reservations import Reservation
from accounts.limits.tills import Answer, Learned, Reply, TillAway
from accounts.redis_wire import Call

logger = logging.getLogger("accounts.limits")

# After a failure nothing is asked for this long, so that no request waits for a Redis that hangs.
REST_SECONDS = 5.0
NAMES = "gateway:limits:"
_FOLDER = Path(__file__).parent
_COMMON = (_FOLDER / "common.lua").read_text(encoding="utf-8")
_REASONS: tuple[Reason, ...] = ("requests", "tokens", "streams", "month", "size")


class Script:
    """A text that Redis keeps under its SHA-1."""

    def __init__(self, name: str) -> None:
        self.text = _COMMON + (_FOLDER / name).read_text(encoding="utf-8")
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()


RESERVE, SETTLE, RENEW = Script("reserve.lua"), Script("settle.lua"), Script("renew.lua")


TEXTS = {script.sha: script.text for script in (RESERVE, SETTLE, RENEW)}


def run(script: Script, names: Sequence[str], arguments: Sequence[Any]) -> tuple[Any, ...]:
    """The command for it."""
    return ("EVALSHA", script.sha, len(names), *names, *arguments)


def name_of(subject: UUID) -> str:
    return NAMES + subject.hex


def given_time() -> str:
    """Empty: the scripts take Redis's own. Tests put another in its place."""
    return ""


class SharedTill(redis_line.RedisLine):
    """`tills.Till` in Redis."""

    away = TillAway
    logger = logger

    def __init__(self, url: str, *, lease_ms: int = LEASE_MS) -> None:
        super().__init__(url)
        self._lease_ms = lease_ms
        self._leases: dict[str, tuple[str, ...]] = {}
        self._renewing: WeakSet[asyncio.AbstractEventLoop] = WeakSet()
        self._rests_until = float("-inf")
        self._renewed_at = float("-inf")

    @property
    def works(self) -> bool:
        return time.monotonic() >= self._rests_until

    def reserve(self, bounds: Sequence[Bound], wanted: Wanted, learned: Mapping[UUID, Learned]) -> Answer:
        arguments: list[Any] = [
            *(given_time(), wanted.id, wanted.tokens, wanted.requests),
            *(int(wanted.with_lease), self._lease_ms),
        ]
        for bound in bounds:
            said = learned.get(bound.subject)
            arguments += (number or 0 for number in bound.quota.numbers)
            arguments += ("", "") if said is None else (said.mark, said.used)
        names = tuple(name_of(bound.subject) for bound in bounds)

        def read(raw: bytes) -> Reply:
            reply = read_reply(raw, bounds)
            if wanted.with_lease and reply.standings and reply.refusal is None:
                self._leases[wanted.id] = names
                self._keep_renewing()
            return reply

        return self._ask(Call(run(RESERVE, names, arguments), read))

    def settle(self, reservation: Reservation, *, tokens: int) -> None:
        self._leases.pop(reservation.id, None)
        if not self.works:
            return  # the lease runs out by itself
        arguments: list[Any] = [given_time(), reservation.id, reservation.tokens, tokens, reservation.second]
        for bound in reservation.bounds:
            quota = bound.quota
            arguments += (int(bool(quota.tokens_per_minute)), int(bool(quota.monthly_tokens)))
        names = tuple(name_of(bound.subject) for bound in reservation.bounds)
        self._tell(Call(run(SETTLE, names, arguments)))

    def _begin(self) -> None:
        self._leases = {}

    # -- leases --

    @property
    def _renew_seconds(self) -> float:
        return self._lease_ms / 3000

    def _keep_renewing(self) -> None:
        """From now on, as long as this loop lives and there are leases."""
        loop = redis_line.running_loop()
        if loop is not None and loop not in self._renewing:
            self._renewing.add(loop)
            loop.call_later(self._renew_seconds, self._renew)

    def _renew(self) -> None:
        loop = asyncio.get_running_loop()
        self._renewing.discard(loop)
        if not self._leases:
            return
        self._keep_renewing()
        # Another loop may have done it a moment ago.
        if time.monotonic() - self._renewed_at >= self._renew_seconds / 2:
            self._renewed_at = time.monotonic()
            for call in self._renewals():
                self._tell(call)

    def _renewals(self) -> list[Call]:
        """One call for all leases and subjects of this process."""
        if not self.works:
            return []
        pairs = [(name, id) for id, names in list(self._leases.items()) for name in names]
        cuts = [pairs[at : at + 1000] for at in range(0, len(pairs), 1000)]
        return [
            Call(
                run(RENEW, [name for name, _ in cut], [given_time(), self._lease_ms, *(id for _, id in cut)])
            )
            for cut in cuts
        ]

    # -- a Redis that is not well --

    def _instead(self, call: Call, error: Exception) -> tuple[Any, ...] | None:
        """A Redis that was started since gets the text, and keeps it."""
        name, sha, *rest = call.command
        return ("EVAL", TEXTS[sha], *rest) if isinstance(error, NoScriptError) and name == "EVALSHA" else None

    def _refused(self, error: Exception) -> None:
        """It is full, or reads only."""
        self._rest(error)

    def _rest(self, error: Exception) -> None:
        logger.warning("limits away", extra={"kind": type(error).__name__})
        self._rests_until = time.monotonic() + REST_SECONDS


def read_reply(raw: bytes, bounds: Sequence[Bound]) -> Reply:
    """What `reserve.lua` answers."""
    kind, *numbers = (int(word) for word in raw.split())
    if kind == 1:
        month, *marks = numbers
        asked = zip(bounds, marks, strict=True)
        return Reply(month=month, marks={bound.subject: mark for bound, mark in asked if mark})
    reason, limit, wait_ms, now_ms, *rest = numbers
    standings = tuple(Standing(bound.quota, *rest[n * 6 : n * 6 + 6]) for n, bound in enumerate(bounds))
    refusal = Refusal(_REASONS[reason - 1], limit, wait_ms if wait_ms >= 0 else None) if kind == 2 else None
    return Reply(refusal=refusal, standings=standings, now_ms=now_ms)
