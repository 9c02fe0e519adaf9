"""
Where the work in hand comes from: the caller's address and device, the request's id, and who it turned out to
be.

The middleware sets it for each request; a command has none. Services read it, so that nothing of it has to be
handed down from view to view.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

DEVICE_CHARS = 200


def nobody() -> None:
    """A command, or a caller who has not been let in."""


@dataclass(frozen=True, slots=True)
class Origin:
    """`address` is empty where there is none (a command, a Unix socket). `device` is the User-Agent, cut."""

    address: str = ""
    device: str = ""
    request_id: str = ""
    user: Callable[[], Any] = field(default=nobody, repr=False)

    def actor_id(self) -> UUID | None:
        """The id of the user who has been let in by now."""
        user = self.user()
        return user.pk if getattr(user, "is_authenticated", False) else None


NOWHERE = Origin()
_current: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)


def current() -> Origin:
    """The origin of the work in hand."""
    return _current.get()


def arrive(*, address: str, device: str, request_id: str, user: Callable[[], Any] = nobody) -> None:
    """A request begins. What cannot be printed in a device's name is dropped."""
    shown = "".join(character for character in device if character.isprintable())
    _current.set(Origin(address, shown[:DEVICE_CHARS], request_id, user))


def leave() -> None:
    """Back to nowhere."""
    _current.set(NOWHERE)
