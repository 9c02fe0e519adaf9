"""
Many models, one memory: which of them are loaded, and who may use them now.

    lease ─► ready? ─► yes: at once
               └─► no: wanted ─► [ the thread: measure, make room, load, one at a time ] ─► all who waited

A model is loaded when it is asked for, and stays until another one needs its memory: then the one that was
not used for longest leaves. Who holds a lease keeps the model; new leases of one that has to leave wait, and
bring it back later, so nobody waits for ever. Pinned ones are loaded at the start, stay, and come back by
themselves after a fault.

Threads and `asyncio`, any number of event loops; no Django, no llama.cpp. The lock is never held while a
file is read, or a model loads or ends.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic

from inference.backends import DEFAULT, ModelCard, Status
from inference.errors import ModelLoading, ModelUnavailable, QueueFull, UnknownModel
from inference.loading import STOPPING, Loader
from inference.seats import E, Entry, Seat, Seats, Waiter

NOT_STARTED = "The model is not started in this process."


@dataclass(frozen=True, slots=True)
class RosterFigures:
    """Counters since the start, and what is held now."""

    loads: int = 0
    unloads: int = 0
    failures: int = 0
    held_bytes: int = 0
    budget_bytes: int = 0


class Roster(Generic[E]):
    """The models of `entries`, the first of which is the default, within `budget_bytes` of memory.

    At most `places` callers wait for one model's load.
    """

    def __init__(
        self,
        entries: Sequence[Entry[E]],
        *,
        budget_bytes: int,
        places: int = 256,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._seats = Seats(entries, budget_bytes=budget_bytes, clock=clock)
        self._places = places
        self._names: dict[str, Seat[E]] = {}
        for seat in self._seats.all:
            self._names.setdefault(seat.card.name.lower(), seat)
        for seat in self._seats.all:  # a name goes before another model's alias
            for name in seat.entry.aliases:
                self._names.setdefault(name.lower(), seat)
        self._default = self._seats.all[0]
        self._names[DEFAULT] = self._default
        self._loader = Loader(self._seats)
        self._is_started = False

    def start(self, *, eager: bool = True) -> None:
        """Begins to work; returns at once. `eager` loads the default and the pinned ones unasked."""
        with self._seats.changed:
            self._is_started = True
            for seat in self._seats.all:
                if eager and (seat.entry.pinned or seat is self._default):
                    seat.is_kept = True
                    self._seats.want(seat)
        self._loader.start()

    # -- from any thread --

    def choose(self, model: str | None) -> ModelCard:
        """The model of that name, alias or file; None is the default. Raises UnknownModel."""
        return self._seat(model).card

    def models(self) -> tuple[tuple[ModelCard, Status], ...]:
        """Every model, the default first."""
        return tuple((seat.card, self._status(seat)) for seat in self._seats.all)

    def status(self) -> Status:
        """The state of the default model."""
        return self._status(self._default)

    def figures(self) -> RosterFigures:
        seats, loader = self._seats, self._loader
        with seats.changed:
            held = sum(seat.held_bytes for seat in seats.all)
            return RosterFigures(loader.loads, loader.unloads, loader.failures, held, seats.budget_bytes)

    def engines(self) -> dict[str, E]:
        """The engines that are loaded now, by model: for reading their figures."""
        with self._seats.changed:
            return {seat.card.name: seat.engine for seat in self._seats.all if seat.engine is not None}

    def load(self, name: str | None) -> None:
        """Begins to load it, unless it is loaded or has just failed; returns at once. Raises UnknownModel."""
        seat = self._seat(name)
        with self._seats.changed:
            if self._seats.clock() >= seat.retry_at:
                seat.is_promised = True
                self._seats.want(seat)

    @asynccontextmanager
    async def lease(self, name: str | None, *, wait_seconds: float) -> AsyncIterator[E]:
        """The ready engine of this model; while it is held, the model stays.

        Raises UnknownModel, ModelUnavailable (it is down, and why), QueueFull (too many wait for it), or
        ModelLoading if it is not ready within `wait_seconds`: it goes on loading, for whoever comes back.
        """
        seat = self._seat(name)
        asked = self._ask(seat)
        engine = await self._wait(asked, wait_seconds) if isinstance(asked, Waiter) else asked
        began_at = self._seats.clock()
        try:
            yield engine
        finally:
            with self._seats.changed:
                self._seats.pace.note_lease(self._seats.clock() - began_at)
                self._seats.end_lease(seat)

    def close(self, *, drain_seconds: float = 0.0, join_seconds: float = 10.0) -> None:
        """Takes nothing more, gives answers in progress so long to end, and frees every model."""
        seats = self._seats
        deadline = seats.clock() + drain_seconds
        with seats.changed:
            seats.is_closing = True
            for seat in seats.all:
                seats.disappoint(seat, lambda: ModelUnavailable(STOPPING))
            seats.changed.notify_all()
        if self._is_started:
            self._loader.join(join_seconds)
        for seat in seats.all:
            if (engine := seat.engine) is not None:
                engine.close(drain_seconds=max(0.0, deadline - seats.clock()))
                seat.engine, seat.held_bytes = None, 0

    # -- leases --

    def _seat(self, name: str | None) -> Seat[E]:
        seat = self._names.get((name or DEFAULT).strip().lower())
        if seat is None:
            raise UnknownModel((*(seat.card.name for seat in self._seats.all), DEFAULT))
        return seat

    def _ask(self, seat: Seat[E]) -> E | Waiter[E]:
        """The engine, with a lease on it, or a place among those who wait for it."""
        seats = self._seats
        lacks = self._lacks(seat)
        with seats.changed:
            if not self._is_started or seats.is_closing:
                raise ModelUnavailable(STOPPING if seats.is_closing else NOT_STARTED)
            engine, now = seat.engine, seats.clock()
            if engine is not None and seat.state == "resident" and engine.status().state == "ready":
                seat.leases += 1
                seat.used_at = now
                return engine
            if lacks:
                raise ModelUnavailable(lacks)
            if seat.state == "down" and now < seat.retry_at:
                raise seats.down(seat)
            if len(seat.waiters) >= self._places:
                raise QueueFull(retry_after_seconds=seats.retry_after(seat))
            waiter = Waiter(seat)
            seat.waiters.append(waiter)
            seats.want(seat)
            return waiter

    def _lacks(self, seat: Seat[E]) -> str:
        """Looks at the disk, so the lock is not held; only where the model is not there anyway."""
        return seat.entry.lacks() if seat.engine is None and seat.state != "loading" else ""

    async def _wait(self, waiter: Waiter[E], wait_seconds: float) -> E:
        try:
            async with asyncio.timeout(wait_seconds):
                return await asyncio.wrap_future(waiter.answer)
        except TimeoutError:
            with self._seats.changed:
                if waiter.answer.done():  # in this very moment
                    return waiter.answer.result()
                waiter.seat.is_promised = True
                self._leave(waiter)
                name, seconds = waiter.seat.card.name, self._seats.retry_after(waiter.seat)
            raise ModelLoading(name, retry_after_seconds=seconds) from None
        except asyncio.CancelledError:
            with self._seats.changed:
                if waiter.has_lease:
                    self._seats.end_lease(waiter.seat)
                self._leave(waiter)
            raise

    def _leave(self, waiter: Waiter[E]) -> None:
        """Stops waiting. A load that has not begun, and that nobody else wants, does not begin."""
        seat = waiter.seat
        if waiter in seat.waiters:
            seat.waiters.remove(waiter)
        if not (seat.waiters or seat.is_promised or seat.is_kept):
            seat.is_wanted = False
        self._seats.changed.notify_all()

    def _status(self, seat: Seat[E]) -> Status:
        lacks = self._lacks(seat)
        with self._seats.changed:
            if not self._is_started or self._seats.is_closing:
                return Status("down", STOPPING if self._seats.is_closing else NOT_STARTED)
            if seat.engine is not None and seat.state == "resident":
                return seat.engine.status()
            if lacks:
                return Status("down", lacks)
            if seat.state == "loading" or (seat.is_wanted and self._seats.clock() >= seat.retry_at):
                return Status("loading")
            if seat.state == "down":
                return Status("down", seat.reason)
            return Status("loading" if seat.waiters else "unloaded")
