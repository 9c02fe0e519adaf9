"""
Loads and unloads the models of a roster: one thread, one model at a time.

    wanted ─► measure ─► does it fit? ─┬─► never: down, with the sentence that says what would
                                       ├─► yes: load ─► everybody who waited
                                       └─► when others leave: each ends with its last lease, then load

What fails is told to those who waited and tried again when somebody asks after a while; twice that while
after each failure. The default and the pinned ones need nobody to ask.
"""

import logging
import threading
from collections.abc import Callable
from functools import partial
from typing import Generic

from inference.errors import ModelUnavailable
from inference.runner import ModelBroken
from inference.seats import E, Seat, Seats, leavers, possible, room

logger = logging.getLogger("inference.roster")

STOPPING = "The service is shutting down."
NOT_LOADED = "The model could not be loaded; the log says where it failed."

POLL_SECONDS = 0.01  # while a model loads
BLOCKED_SECONDS = 0.05  # while somebody waits for others to leave, or for a fault to pass
WATCH_SECONDS = 1.0  # how soon the fault of a model that nobody asks for is seen
MISSING_SECONDS = 2.0
BACKOFF_SECONDS = 5.0
MAX_BACKOFF_SECONDS = 300.0
STEADY_SECONDS = 60.0  # a fault after so long is the first one again


class Loader(Generic[E]):
    """The thread of a roster."""

    def __init__(self, seats: Seats[E]) -> None:
        self._seats = seats
        self._thread = threading.Thread(target=self._run, name="roster", daemon=True)
        self.loads = self.unloads = self.failures = 0

    def start(self) -> None:
        self._thread.start()

    def join(self, seconds: float) -> None:
        """The caller has set `is_closing`."""
        self._thread.join(seconds)

    def _run(self) -> None:
        seats = self._seats
        while True:
            with seats.changed:
                while not seats.is_closing and (work := self._decide()) is None:
                    seats.changed.wait(self._patience())
                if seats.is_closing:
                    return
            assert work is not None
            work()

    def _patience(self) -> float:
        is_blocked = self._head() is not None or any(
            seat.waiters for seat in self._seats.all if seat.engine is not None
        )
        return BLOCKED_SECONDS if is_blocked else WATCH_SECONDS

    # -- what is next; the lock is held --

    def _decide(self) -> Callable[[], None] | None:
        """The next thing to do without the lock; None: nothing, for now."""
        seats = self._seats
        for seat in seats.all:
            if seat.engine is None:
                continue
            status = seat.engine.status()
            if status.state == "down":
                return partial(self._fail, seat, status.reason)
        head = self._head()
        leaving = self._leaving(head) if head else []
        for seat in seats.all:
            if seat.engine is None:
                continue
            seat.state = "leaving" if seat in leaving else "resident"
            if seat.state == "resident" and seat.waiters and seat.engine.status().state == "ready":
                seats.grant(seat)
        if head is None:
            return None
        if head.needs is None:
            return partial(self._measure, head)
        if head.needs > possible(head, seats.all, seats.budget_bytes):
            return partial(self._refuse, head, possible(head, seats.all, seats.budget_bytes))
        if head.needs <= room(seats.all, seats.budget_bytes):
            return partial(self._load, head)
        idle = next((seat for seat in leaving if not seat.leases), None)
        return partial(self._unload, idle) if idle else None

    def _head(self) -> Seat[E] | None:
        """Who has wanted to be loaded for longest."""
        now = self._seats.clock()
        wanted = [seat for seat in self._seats.all if seat.is_wanted and now >= seat.retry_at]
        return min(wanted, key=lambda seat: seat.wanted_no, default=None)

    def _leaving(self, head: Seat[E]) -> list[Seat[E]]:
        seats = self._seats
        if head.needs is None or head.needs > possible(head, seats.all, seats.budget_bytes):
            return []
        return leavers(head, seats.all, seats.budget_bytes, now=seats.clock())

    # -- doing it; the lock is not held --

    def _refuse(self, seat: Seat[E], most: int) -> None:
        """Of a model that is larger than all that it could have."""
        needs, most = seat.needs or 0, max(0, most)
        try:
            fitting = seat.entry.fitting(most)
        except Exception as error:  # noqa: BLE001  (the other models go on, whatever it was; it is logged)
            self._fail(seat, _reason(error))
            return
        beside = " beside the pinned models" if most < self._seats.budget_bytes else ""
        advice = (
            f"{' or '.join(fitting)} would fit; or the operator raises LLM_MEMORY_MB."
            if fitting
            else "The operator raises LLM_MEMORY_MB, or takes a smaller model."
        )
        self._fail(
            seat,
            f"The model {seat.card.name} needs {_mib(needs)} MiB of memory, and {_mib(most)} MiB are "
            f"allowed{beside}. {advice}",
        )

    def _measure(self, seat: Seat[E]) -> None:
        try:
            if lacks := seat.entry.lacks():
                self._fail(seat, lacks, retry_seconds=MISSING_SECONDS)
                return
            needs = seat.entry.memory_bytes()
        except Exception as error:  # noqa: BLE001  (the other models go on, whatever it was; it is logged)
            self._fail(seat, _reason(error))
            return
        with self._seats.changed:
            seat.needs = needs

    def _load(self, seat: Seat[E]) -> None:
        seats = self._seats
        with seats.changed:
            seat.state, seat.is_wanted = "loading", False
            seat.loading_at, seat.held_bytes = seats.clock(), seat.needs or 0
        try:
            card, size_bytes = seat.entry.describe(), seat.entry.size_bytes()
            engine = seat.entry.make()
            engine.start()
        except Exception as error:  # noqa: BLE001  (the other models go on, whatever it was; it is logged)
            self._fail(seat, _reason(error))
            return
        with seats.changed:
            while (status := engine.status()).state in ("unloaded", "loading") and not seats.is_closing:
                seats.changed.wait(POLL_SECONDS)
        if status.state != "ready":
            self._close(engine)
            self._fail(seat, status.reason or STOPPING)
            return
        with seats.changed:
            seat.card, seat.engine, seat.state = card, engine, "resident"
            seat.is_promised, seat.ready_at = False, seats.clock()
            seat.used_at, seat.load_seconds = seat.ready_at, seat.ready_at - seat.loading_at
            seats.pace.note_load(size_bytes, seat.load_seconds)
            self.loads += 1
            seats.grant(seat)
        logger.info(
            "model loaded",
            extra={"model": card.name, "seconds": round(seat.load_seconds, 1), "mib": _mib(seat.held_bytes)},
        )

    def _unload(self, seat: Seat[E]) -> None:
        with self._seats.changed:
            engine, seat.engine = seat.engine, None  # from here on, nobody gets a lease on it
        assert engine is not None
        self._close(engine)
        with self._seats.changed:
            seat.state, seat.held_bytes, seat.needs = "unloaded", 0, None
            self.unloads += 1
            if seat.waiters:
                self._seats.want(seat)
        logger.info("model unloaded", extra={"model": seat.card.name})

    def _fail(self, seat: Seat[E], reason: str, *, retry_seconds: float | None = None) -> None:
        seats = self._seats
        with seats.changed:
            engine, seat.engine = seat.engine, None
        if engine is not None:  # it was loaded, and broke
            self._close(engine)
        with seats.changed:
            now = seats.clock()
            if engine is not None and now - seat.ready_at > STEADY_SECONDS:
                seat.failures = 0
            backoff = min(BACKOFF_SECONDS * 2**seat.failures, MAX_BACKOFF_SECONDS)
            seat.failures = min(seat.failures + 1, 16)
            seat.state, seat.reason, seat.held_bytes, seat.needs = "down", reason, 0, None
            seat.retry_at = now + (backoff if retry_seconds is None else retry_seconds)
            seat.is_wanted = seat.is_promised = False
            self.failures += 1
            seats.disappoint(seat, lambda: seats.down(seat))
            if seat.is_kept:
                seats.want(seat)
        if not seats.is_closing:
            logger.error("model down: %s", reason, extra={"model": seat.card.name})

    def _close(self, engine: E) -> None:
        try:
            engine.close(drain_seconds=0)
        except Exception:
            # Whatever it was, the other models must go on.
            logger.exception("engine not closed")


def _reason(error: Exception) -> str:
    """A sentence for operators and callers; what is no sentence of ours goes to the log."""
    if isinstance(error, ModelBroken | ModelUnavailable):
        return error.reason
    logger.error("model not loaded", exc_info=error)
    return NOT_LOADED


def _mib(size: int) -> int:
    return -(-size >> 20)
