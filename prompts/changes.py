"""What is to be written into the book: one row each, and who waits for it."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from prompts.errors import JournalUnavailable
from prompts.journal import Entry, Outcome, Result, rules_of


@dataclass(slots=True)
class Change:
    """One row to insert (`entry`) or to finish (`result`), and who waits for it, if somebody does."""

    id: UUID
    entry: Entry | None = None
    result: Result | None = None
    waiter: asyncio.Future[None] | None = None
    sent_at: float = field(default_factory=time.monotonic)

    @property
    def named(self) -> dict[str, str]:
        """For the log: whose it is, as far as that is known here. The line of the prompt has both ids."""
        known = {} if self.entry is None else {"request_id": self.entry.request_id}
        return {"prompt_id": str(self.id), **known}


COLUMNS = (
    *("id", "created_at", "user_id", "key_id", "instance_id", "request_id", "outcome", "model", "policy"),
    *("prompt", "system", "parts", "findings", "rules"),
)


def values_of(entry: Entry, instance_id: UUID) -> tuple[Any, ...]:
    """Of a row in progress, which this process has begun: by COLUMNS."""
    return (
        *(entry.id, entry.created_at, entry.user_id, entry.key_id, instance_id, entry.request_id),
        *(Outcome.ACCEPTED.value, entry.model, entry.policy, entry.prompt, entry.system),
        *([part.as_dict() for part in entry.parts], entry.findings, rules_of(entry.findings)),
    )


def columns_of(entry: Entry, instance_id: UUID) -> dict[str, Any]:
    """The same with their names."""
    return dict(zip(COLUMNS, values_of(entry, instance_id), strict=True))


def tell(group: Iterable[Change], *, is_written: bool = True) -> None:
    """Wakes who waits for these rows, each event loop once. From any thread."""
    waiting: dict[asyncio.AbstractEventLoop, list[Change]] = {}
    for change in group:
        if change.waiter is not None:
            waiting.setdefault(change.waiter.get_loop(), []).append(change)
    for loop, changes in waiting.items():
        with suppress(RuntimeError):  # that loop is closed, and nobody waits
            loop.call_soon_threadsafe(wake, changes, is_written)


def wake(group: Iterable[Change], is_written: bool) -> None:
    """Wakes who waits for these rows in the loop that runs."""
    for change in group:
        waiter = change.waiter
        if waiter is None or waiter.done():  # nobody waits, or its caller left
            continue
        if is_written:
            waiter.set_result(None)
        else:
            waiter.set_exception(JournalUnavailable())
