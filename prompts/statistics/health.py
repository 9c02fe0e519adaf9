"""
How the process that answers sees things at this moment: models and servers, queues, the book. For the page; a
monitor reads `/metrics`, which is about all processes.
"""

import os
import socket
from dataclasses import dataclass

from django.conf import settings
from django.db import DatabaseError
from django.db.models.functions import Now

from inference import composition as inference
from inference import fleet
from inference.routing.router import WELL, Router
from prompts import composition
from prompts.models import Instance


@dataclass(frozen=True, slots=True)
class Standing:
    """A model or a server. Numbers are None where this process does not know them."""

    name: str
    state: str
    reason: str = ""
    running: int | None = None
    waiting: int | None = None
    places: int | None = None
    owed_tokens: int | None = None

    @property
    def is_well(self) -> bool:
        return self.state in WELL


@dataclass(frozen=True, slots=True)
class Book:
    """`processes` are those with a valid lease, of all machines; None where the database does not say."""

    is_open: bool
    waiting_rows: int
    lag_seconds: float
    spool_rows: int
    spool_bytes: int
    rejected_bytes: int
    processes: int | None

    @property
    def is_well(self) -> bool:
        return self.is_open and not (self.spool_rows or self.spool_bytes or self.rejected_bytes)


@dataclass(frozen=True, slots=True)
class Health:
    """`waiting` is the line before all servers, None without servers."""

    process: str
    models: tuple[Standing, ...]
    servers: tuple[Standing, ...]
    waiting: int | None
    book: Book


def look() -> Health:
    """As it is now, in this process."""
    router = fleet.router() if settings.BACKENDS_FILE else None
    return Health(
        process=f"{os.getpid()} on {socket.gethostname()}",
        models=_models(),
        servers=() if router is None else _servers(router),
        waiting=None if router is None else router.waiting,
        book=_book(),
    )


def _models() -> tuple[Standing, ...]:
    roster = inference.running()
    engines = roster.engines() if roster is not None else {}
    made = []
    for card, status in composition.house().backend.models():
        known: dict[str, int] = {}
        if (engine := engines.get(card.name)) is not None:
            figures = engine.figures()
            known = {
                "running": figures.running_jobs,
                "waiting": figures.waiting_jobs,
                "places": figures.slots,
            }
        made.append(Standing(card.name, status.state, status.reason, **known))
    return tuple(made)


def _servers(router: Router) -> tuple[Standing, ...]:
    states = router.states()
    return tuple(
        Standing(
            live.server.name,
            states.get(live.server.name, "gone"),
            running=live.running,
            owed_tokens=live.tokens,
        )
        for live in router.lives()
    )


def _book() -> Book:
    journal = composition.journal()
    spooled = journal.spooled
    try:
        processes = Instance.objects.filter(lease_expires_at__gte=Now()).count()
    except DatabaseError:
        processes = None
    return Book(
        is_open=journal.is_open,
        waiting_rows=journal.waiting,
        lag_seconds=round(journal.lag_seconds, 1),
        spool_rows=spooled.rows,
        spool_bytes=spooled.waiting_bytes,
        rejected_bytes=spooled.rejected_bytes,
        processes=processes,
    )
