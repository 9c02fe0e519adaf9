"""
What a roster knows of each of its models, and who has to leave so that another one fits.

    unloaded ─► loading ─► resident ─► leaving ─► unloaded
                   └─► down ◄─┘  (tried again, after a while, when it is asked for)

`Seats` are all of them with the lock that guards them; `inference.roster` leases from any thread,
`inference.loading` loads and unloads on one.
"""

import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, TypeVar

from inference.backends import ModelCard, Status
from inference.errors import InferenceError, ModelUnavailable

# What a load is taken to run at until one was measured: a cold disk in the cloud.
FIRST_BYTES_PER_SECOND = 200 << 20
# What every load takes besides reading: contexts, warm-up.
FIXED_SECONDS = 1.0
MAX_RETRY_AFTER_SECONDS = 600


class Startable(Protocol):
    """What a roster needs of an engine. `inference.engine.Engine` in production."""

    def start(self) -> None:
        """Begins to load on a thread of its own; returns at once."""
        ...

    def status(self) -> Status: ...

    def close(self, *, drain_seconds: float) -> None:
        """Ends it, after at most so long for the jobs in progress, and frees its memory."""
        ...


E = TypeVar("E", bound=Startable)


@dataclass(frozen=True, slots=True)
class Entry(Generic[E]):
    """One model that can be asked for.

    `describe` identifies it; it is asked once at the beginning and again whenever it is loaded, because a
    file can be replaced. `aliases` are other names of it. `make` builds the engine, `memory_bytes` says what
    that will take, `fitting` which settings would make it take no more than so many bytes; all may raise
    ModelBroken, and all run on the roster's thread. `lacks` is why it cannot be loaded at all, in a sentence;
    empty if nothing is missing. A `pinned` one is never unloaded.
    """

    describe: Callable[[], ModelCard]
    make: Callable[[], E]
    memory_bytes: Callable[[], int]
    size_bytes: Callable[[], int] = lambda: 0
    aliases: tuple[str, ...] = ()
    pinned: bool = False
    lacks: Callable[[], str] = lambda: ""
    fitting: Callable[[int], Sequence[str]] = lambda most_bytes: ()


@dataclass(eq=False, slots=True)
class Seat(Generic[E]):
    """A model's place in the roster. `held_bytes` are what it takes of the budget now; `needs` what it will
    take, once measured. `is_wanted` means it shall be loaded, in the order of `wanted_no`; `is_promised`,
    that a caller was told when to come back for it; `is_kept`, that it comes back by itself after a fault."""

    entry: Entry[E]
    card: ModelCard
    state: Literal["unloaded", "loading", "resident", "leaving", "down"] = "unloaded"
    engine: E | None = None
    leases: int = 0
    waiters: list["Waiter[E]"] = field(default_factory=list)
    is_wanted: bool = False
    is_promised: bool = False
    is_kept: bool = False
    wanted_no: int = 0
    used_at: float = 0.0
    loading_at: float = 0.0
    ready_at: float = 0.0
    load_seconds: float = 0.0  # measured, the last time
    needs: int | None = None
    held_bytes: int = 0
    reason: str = ""
    failures: int = 0
    retry_at: float = 0.0


@dataclass(eq=False, slots=True)
class Waiter(Generic[E]):
    """Somebody who waits for a model: `answer` gets the engine, with a lease on it, or an error."""

    seat: Seat[E]
    answer: "Future[E]" = field(default_factory=Future)

    def __post_init__(self) -> None:
        # "Running" from the start: a caller who is cancelled must not cancel what the roster will set.
        self.answer.set_running_or_notify_cancel()

    @property
    def has_lease(self) -> bool:
        return self.answer.done() and self.answer.exception() is None


def room(seats: Sequence[Seat[E]], budget_bytes: int) -> int:
    """What is left of the budget beside all that is loaded or loading."""
    return budget_bytes - sum(seat.held_bytes for seat in seats)


def possible(wanted: Seat[E], seats: Sequence[Seat[E]], budget_bytes: int) -> int:
    """What the budget could give this model if all but the pinned ones left."""
    return budget_bytes - sum(seat.held_bytes for seat in seats if seat.entry.pinned and seat is not wanted)


def leavers(wanted: Seat[E], seats: Sequence[Seat[E]], budget_bytes: int, *, now: float) -> list[Seat[E]]:
    """Who leaves for the wanted one: idle ones first, then those that were told to leave already, then the
    longest unused. A busy one has stayed at least as long as its load took, so that two models that are both
    in demand take turns worth their loads. Too few where the others have not: ask again later.
    """
    short = (wanted.needs or 0) - room(seats, budget_bytes)
    chosen: list[Seat[E]] = []
    candidates = [
        seat
        for seat in seats
        if seat.engine is not None
        and not seat.entry.pinned
        and (not seat.leases or seat.state == "leaving" or now >= seat.ready_at + seat.load_seconds)
    ]
    for seat in sorted(candidates, key=lambda s: (s.leases > 0, s.state != "leaving", s.used_at)):
        if short <= 0:
            break
        chosen.append(seat)
        short -= seat.held_bytes
    return chosen


class Pace:
    """How long loads take, and how long leases: measured, newest first in weight."""

    def __init__(self) -> None:
        self.bytes_per_second = float(FIRST_BYTES_PER_SECOND)
        self.lease_seconds = 1.0

    def note_load(self, size_bytes: int, seconds: float) -> None:
        if size_bytes > 0 and seconds > FIXED_SECONDS:
            self.bytes_per_second += 0.5 * (size_bytes / (seconds - FIXED_SECONDS) - self.bytes_per_second)

    def note_lease(self, seconds: float) -> None:
        self.lease_seconds += 0.1 * (seconds - self.lease_seconds)

    def load_seconds(self, seat: Seat[E]) -> float:
        """Of this model the last time, else by its size."""
        if seat.load_seconds:
            return seat.load_seconds
        try:
            return FIXED_SECONDS + seat.entry.size_bytes() / self.bytes_per_second
        except OSError:
            return FIXED_SECONDS

    def seconds_until_ready(self, seat: Seat[E], seats: Sequence[Seat[E]], *, now: float) -> float:
        """Its own load, those before it in the line, and one answer of every model that has to end first."""
        seconds = 0.0
        for other in seats:
            is_before = other.is_wanted and seat.is_wanted and other.wanted_no < seat.wanted_no
            if other is seat or other.state == "loading" or is_before:
                left = self.load_seconds(other)
                if (
                    other.state == "loading"
                ):  # longer than ever before: half as long again, and honestly vague
                    elapsed = now - other.loading_at
                    left = left - elapsed if elapsed < left else elapsed / 2
                seconds += left
            elif other.state == "leaving":
                seconds += self.lease_seconds
        return seconds


class Seats(Generic[E]):
    """Every model's seat, the default's first. Whoever reads or changes one holds `changed`; it is never held
    while a file is read, or a model loads or ends."""

    def __init__(self, entries: Sequence[Entry[E]], *, budget_bytes: int, clock: Callable[[], float]) -> None:
        self.all = [Seat(entry, entry.describe()) for entry in entries]
        self.budget_bytes = budget_bytes
        self.clock = clock
        self.changed = threading.Condition()
        self.is_closing = False
        self.pace = Pace()
        self._wanted = 0

    def want(self, seat: Seat[E]) -> None:
        """Puts it into the line of those to be loaded, unless it is there, loading or loaded."""
        if seat.engine is None and not seat.is_wanted and seat.state != "loading":
            self._wanted += 1
            seat.is_wanted, seat.wanted_no = True, self._wanted
        self.changed.notify_all()

    def grant(self, seat: Seat[E]) -> None:
        """Everybody who waited gets a lease, before anybody can make the model leave."""
        assert seat.engine is not None
        waiters, seat.waiters = seat.waiters, []
        for waiter in waiters:
            seat.leases += 1
            seat.used_at = self.clock()
            waiter.answer.set_result(seat.engine)

    def disappoint(self, seat: Seat[E], make: Callable[[], InferenceError]) -> None:
        """Everybody who waited gets an error."""
        waiters, seat.waiters = seat.waiters, []
        for waiter in waiters:
            waiter.answer.set_exception(make())

    def end_lease(self, seat: Seat[E]) -> None:
        seat.leases -= 1
        seat.used_at = self.clock()
        if not seat.leases:
            self.changed.notify_all()

    def down(self, seat: Seat[E]) -> ModelUnavailable:
        """What is told while it is down, and until when not to ask again."""
        error = ModelUnavailable(seat.reason)
        error.retry_after_seconds = _whole_seconds(seat.retry_at - self.clock())
        return error

    def retry_after(self, seat: Seat[E]) -> int:
        """When a caller should come back for a model that is not loaded yet."""
        return _whole_seconds(self.pace.seconds_until_ready(seat, self.all, now=self.clock()))


def _whole_seconds(seconds: float) -> int:
    return min(max(1, math.ceil(seconds)), MAX_RETRY_AFTER_SECONDS)
