"""
Answers that are being given: the same request, while it is answered, waits for that answer and shares it.

    the first ──► a task of its own: model ──► chain ──► what was said so far
                                                             ├──► the first caller    his row, his values
    who asks the same ───────────────────────────────────────┴──► the others          theirs

Everybody hears all of it, from its beginning, as it comes. A caller who leaves takes nothing from the others;
when the last one leaves, the model is freed. Of other processes, one generates (`claims`), and the others
find what it kept.

The first caller pays for what the model does; if he leaves before the end, the next of those who stay does.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from inference.errors import GenerationFailed
from prompts.caching.claims import NO_TERMS, Claims, Terms
from prompts.choices import Heard
from prompts.generating import Generating

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Plan(Generic[Found]):
    """How an answer comes to be. Plans of one `key` make the same answer.

    `look` finds it where it was kept meanwhile, and `keep` keeps it. `id` is the row that all who share it
    know it by; None leaves each his own.
    """

    key: str
    make: Callable[[], Generating]
    look: Callable[[], Awaitable[Found | None]]
    keep: Callable[[Generating], Awaitable[None]]
    terms: Terms = NO_TERMS
    id: UUID | None = None


class Flight(Generic[Found]):
    """One answer being given. `log` is what was said so far, with the number of the choice; `found` is one
    that was kept meanwhile, by another process."""

    def __init__(self, plan: Plan[Found]) -> None:
        self.plan = plan
        self.generating: Generating | None = None
        self.log: list[tuple[int, Heard]] = []
        self.found: Found | None = None
        self.error: BaseException | None = None
        self.is_over = False
        self.loop = asyncio.get_running_loop()
        self.task: asyncio.Task[None] | None = None
        self._riders: list[object] = []
        self._payer: object = None
        self._is_streamed = False
        self._news = asyncio.Event()

    @property
    def riders(self) -> int:
        return len(self._riders)

    def board(self, rider: object, *, streamed: bool) -> None:
        self._riders.append(rider)
        if streamed and not self._is_streamed:
            self._is_streamed = True
            self._read_along()

    def leave(self, rider: object) -> bool:
        """Whether this one pays for what was generated until now."""
        pays = rider is (self._payer if self.is_over else self._riders[0])
        self._riders.remove(rider)
        return pays and self.generating is not None

    async def news(self) -> None:
        """Returns once there is more, or it is over."""
        await self._news.wait()

    def begin(self, generating: Generating) -> None:
        self.generating = generating
        self._read_along()

    def say(self, choice: int, heard: Heard) -> None:
        self.log.append((choice, heard))
        self._tell()

    def land(self, *, found: Found | None = None, error: BaseException | None = None) -> None:
        self.found, self.error, self.is_over = found, error, True
        self._payer = self._riders[0] if self._riders else None
        self._tell()

    def _read_along(self) -> None:
        """From the first on who reads along, nothing is gathered any more."""
        if self._is_streamed and self.generating is not None:
            for choice in self.generating.choices:
                choice.read_along()

    def _tell(self) -> None:
        self._news.set()
        self._news.clear()  # whoever waits has been woken already


class Flights:
    """The answers that this process is giving. `claims` None is for a process alone."""

    def __init__(self, claims: Claims | None = None) -> None:
        self._claims = claims
        self._flights: dict[str, Flight[Any]] = {}

    def __len__(self) -> int:
        return len(self._flights)

    def find(self, key: str) -> Flight[Any] | None:
        """The one in progress that answers this."""
        flight = self._flights.get(key)
        return flight if flight is not None and flight.loop is asyncio.get_running_loop() else None

    def board(self, plan: Plan[Found], rider: object, *, streamed: bool) -> tuple[Flight[Found], bool]:
        """The flight in progress, or else a new one: then True. Whoever boards must leave, and then
        `end_if_empty`."""
        flight: Flight[Found] | None = self.find(plan.key)
        is_new = flight is None
        if flight is None:
            flight = self._flights[plan.key] = Flight(plan)
        flight.board(rider, streamed=streamed)
        if is_new:
            flight.task = asyncio.create_task(self._fly(flight))
        return flight, is_new

    async def end_if_empty(self, flight: Flight[Any]) -> None:
        """After somebody left. Of a flight that nobody waits for any more, the model is free when this
        returns."""
        if not flight.riders and not flight.is_over:
            assert flight.task is not None
            self._forget(flight)
            flight.task.cancel()
            await asyncio.wait([flight.task])

    async def _fly(self, flight: Flight[Found]) -> None:
        found: Found | None = None
        error: BaseException | None = None
        try:
            plan = flight.plan
            if self._claims is None:
                if (found := await plan.look()) is None:
                    await self._generate(flight)
            else:
                async with self._claims.hold(plan.key, plan.look, plan.terms) as found:
                    if found is None:
                        await self._generate(flight)
        except Exception as raised:  # noqa: BLE001  (whoever waits gets it, as if it were his own)
            error = raised
        except BaseException:  # nobody waits any more, or the process ends
            error = GenerationFailed()
            raise
        finally:
            self._forget(flight)
            flight.land(found=found, error=error)

    async def _generate(self, flight: Flight[Found]) -> None:
        generating = flight.plan.make()
        flight.begin(generating)
        async with aclosing(generating.texts()) as texts:
            async for choice, heard in texts:
                flight.say(choice.number, heard)
        await flight.plan.keep(generating)

    def _forget(self, flight: Flight[Any]) -> None:
        if self._flights.get(flight.plan.key) is flight:
            del self._flights[flight.plan.key]
