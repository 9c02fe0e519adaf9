"""
Where the work in hand comes from: the caller's address and device, and the request's id.

The middleware sets it for each request; a command has none. Services read it, so that no address has to be
handed down from view to view.
"""

from contextvars import ContextVar
from dataclasses import dataclass

DEVICE_CHARS = 200


@dataclass(frozen=True, slots=True)
class Origin:
    """`address` is empty where there is none (a command, a Unix socket). `device` is the User-Agent, cut."""

    address: str = ""
    device: str = ""
    request_id: str = ""


NOWHERE = Origin()
_current: ContextVar[Origin] = ContextVar("origin", default=NOWHERE)


def current() -> Origin:
    """The origin of the work in hand."""
    return _current.get()


def arrive(*, address: str, device: str, request_id: str) -> None:
    """A request begins. What cannot be printed in a device's name is dropped."""
    shown = "".join(character for character in device if character.isprintable())
    _current.set(Origin(address, shown[:DEVICE_CHARS], request_id))
