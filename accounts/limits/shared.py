"""
The counts of all processes, in Redis.

Each call is one script, which runs alone in Redis, on its clock. Callers of a busy process share round trips
(`accounts.redis_line`). The same thread renews the leases of this process's answers in progress; if the
process dies, they run out.

Redis holds ids and numbers, nothing else.
"""

import hashlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import redis
from redis.exceptions import NoScriptError

from accounts import redis_line
from accounts.limits.ledger import LEASE_MS, Reason, Refusal, Standing, Wanted
from accounts.limits.quotas import Bound
from accounts.limits.reservations import Reservation
from accounts.limits.tills import Learned, Reply, TillAway

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


@dataclass(slots=True)
class Call(redis_line.Call):
    """A script to run."""

    script: Script
    names: tuple[str, ...]
    arguments: tuple[Any, ...]
    read: Callable[[bytes], Any] = lambda raw: None


def name_of(subject: UUID) -> str:
    return NAMES + subject.hex


def given_time() -> str:
    """Empty: the scripts take Redis's own. Tests put another in its place."""
    return ""


class SharedTill(redis_line.RedisLine[Call]):
    """`tills.Till` in Redis."""

    topic = "limits"
    away = TillAway
    logger = logger

    def __init__(self, url: str, *, lease_ms: int = LEASE_MS) -> None:
        super().__init__(url)
        self._lease_ms = lease_ms
        self._leases: dict[str, tuple[str, ...]] = {}
        self._rests_until = float("-inf")
        self._renewed_at = float("-inf")

    @property
    def works(self) -> bool:
        return time.monotonic() >= self._rests_until

    def reserve(
        self, bounds: Sequence[Bound], wanted: Wanted, learned: Mapping[UUID, Learned]
    ) -> "Future[Reply]":
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
            return reply

        return self._send(Call(RESERVE, names, tuple(arguments), read))

    def settle(self, reservation: Reservation, *, tokens: int) -> None:
        self._leases.pop(reservation.id, None)
        if not self.works:
            return  # the lease runs out by itself
        arguments: list[Any] = [given_time(), reservation.id, reservation.tokens, tokens, reservation.second]
        for bound in reservation.bounds:
            quota = bound.quota
            arguments += (int(bool(quota.tokens_per_minute)), int(bool(quota.monthly_tokens)))
        names = tuple(name_of(bound.subject) for bound in reservation.bounds)
        self._send(Call(SETTLE, names, tuple(arguments)))

    def _begin(self) -> None:
        self._leases, self._renewed_at = {}, time.monotonic()

    # -- the thread --

    @property
    def _renew_seconds(self) -> float:
        return self._lease_ms / 3000

    def _timeout_seconds(self) -> float:
        return max(self._renewed_at + self._renew_seconds - time.monotonic(), 0.001)

    def _take(self, client: redis.Redis, calls: list[Call]) -> None:
        self._ask(client, calls)
        if time.monotonic() - self._renewed_at >= self._renew_seconds:
            self._renewed_at = time.monotonic()
            self._ask(client, self._renewals())

    def _renewals(self) -> list[Call]:
        """One call for all leases and subjects of this process."""
        if not self.works:
            return []
        pairs = [(name, id) for id, names in list(self._leases.items()) for name in names]
        cuts = [pairs[at : at + 1000] for at in range(0, len(pairs), 1000)]
        return [
            Call(
                RENEW,
                tuple(name for name, _ in cut),
                (given_time(), self._lease_ms, *(id for _, id in cut)),
            )
            for cut in cuts
        ]

    def _answers(self, client: redis.Redis, calls: list[Call]) -> list[Any]:
        answers = self._round_trip(client, calls)
        missing = [n for n, raw in enumerate(answers) if isinstance(raw, NoScriptError)]
        if missing:  # a Redis that was started since
            for script in (RESERVE, SETTLE, RENEW):
                client.script_load(script.text)
            for n, raw in zip(missing, self._round_trip(client, [calls[n] for n in missing]), strict=True):
                answers[n] = raw
        return answers

    def _rest(self, error: Exception) -> None:
        logger.warning("limits away", extra={"kind": type(error).__name__})
        self._rests_until = time.monotonic() + REST_SECONDS

    def _wake(self, call: Call, raw: Any) -> None:
        """An error instead of an answer: Redis is full, or reads only. Or what is no answer of a script's."""
        try:
            if isinstance(raw, Exception):
                raise raw
            said = call.read(raw)
        except (redis.RedisError, ValueError, TypeError, LookupError, AttributeError) as error:
            self._rest(error)
            call.answer.set_exception(TillAway())
        else:
            call.answer.set_result(said)

    @staticmethod
    def _round_trip(client: redis.Redis, calls: list[Call]) -> list[Any]:
        if len(calls) == 1:
            try:
                return [client.evalsha(*_words(calls[0]))]
            except redis.ResponseError as error:
                return [error]
        with client.pipeline(transaction=False) as pipe:
            for call in calls:
                pipe.evalsha(*_words(call))
            return list(pipe.execute(raise_on_error=False))


def _words(call: Call) -> tuple[Any, ...]:
    return (call.script.sha, len(call.names), *call.names, *call.arguments)


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
