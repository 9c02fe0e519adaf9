"""
What the writer of the book tells whoever measures it: each transaction, and each row that met with trouble.

    refused     a prompt that could not be accepted: its caller got 503
    spooled     an end that waits on this machine's disk for the database; its caller got his answer
    failed      an end that neither database nor disk took: its caller was told so, and it is tried again
    lost        one of those, after too many of them: it is in no book
    rejected    a row that the database takes from nobody; an end of a spool stands in `rejected.jsonl`
"""

from typing import Literal, Protocol

Trouble = Literal["refused", "spooled", "failed", "lost", "rejected"]


class Watch(Protocol):
    """Called in the writer's thread or in the event loop, between groups: every prompt waits for what it
    does. It must not raise."""

    def committed(self, rows: int, *, took_seconds: float, waited_seconds: float) -> None:
        """One transaction: how long it took, and how long the row had waited that waited longest."""
        ...

    def troubled(self, trouble: Trouble, *, rows: int) -> None: ...
