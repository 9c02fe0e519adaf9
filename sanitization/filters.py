"""
What a filter is: the protocol an operator implements and names in settings.SANITIZATION_FILTERS.

A filter points at spans; it never rewrites. It reads a text that may arrive in pieces, so it opens a `Scan`
for each text and keeps all state there; the filter itself is made once, without arguments, and serves many
texts at the same time.
"""

from collections.abc import Sequence
from enum import IntEnum
from typing import Protocol, runtime_checkable

from sanitization.policies import Policy
from sanitization.spans import Span

# What every chain has unless somebody says otherwise.
DEFAULT_FILTERS = (
    "sanitization.attacks.hidden.HiddenTextFilter",
    "sanitization.patterns.PatternFilter",
    "sanitization.attacks.filters.AttackFilter",
    "sanitization.attacks.filters.EncodedFilter",
    "sanitization.custom.CustomFilter",
    "sanitization.controls.ControlFilter",
    "sanitization.echo.EchoFilter",
    "sanitization.markup.MarkupFilter",
    "sanitization.links.LinkFilter",
    "sanitization.links.AddressFilter",
    "sanitization.attacks.hidden.ControlTokenFilter",
)


class Stage(IntEnum):
    """When a filter reads. Each stage is rewritten once, and the next one reads the result.

    Within a stage the order of filters does not matter. Stages exist because what is safe can only be
    judged on what will be shown: an address with an escape sequence inside is an address once that is
    gone, and masking can take away the very fence or quote that made markup harmless.
    """

    BYTES = 0
    VALUES = 1
    MARKUP = 2


class Scan(Protocol):
    """One text's way through one filter. Positions count from the start of that text."""

    @property
    def settled(self) -> int:
        """No span that starts before this position is still to come. Never goes back."""

    def feed(self, piece: str, *, last: bool) -> Sequence[Span]:
        """The spans that have become certain. They must be the same however the text is cut.

        Each starts at or after what `settled` was before. After `last`, all have been given.
        """


class Filter(Protocol):
    """`rules` are the ids its spans can carry. A hook gives None where there is nothing to look for."""

    @property
    def rules(self) -> frozenset[str]: ...

    @property
    def stage(self) -> Stage: ...

    def open_prompt(self, policy: Policy) -> Scan | None: ...

    def open_answer(self, policy: Policy) -> Scan | None: ...


@runtime_checkable
class Keyed(Protocol):
    """A filter that needs this service's key."""

    def keyed(self, key: bytes) -> Filter:
        """The same filter, with the key."""
        ...


class Backlog:
    """Pieces that wait to be read, so that reading a text costs the same in small pieces as at once.

    While a tail is undecided, every new piece means reading it again. Short tails are read again at once,
    a long one only after it has grown by a sixteenth: the total stays linear whatever arrives.
    """

    PATIENCE = 16
    BLOCK = 4096
    LAST = 16_384  # the end of a text is read at once where it is no longer: nothing of it is looked at twice

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self.size = 0  # characters that wait

    def add(self, piece: str) -> None:
        self._pieces.append(piece)
        self.size += len(piece)

    @property
    def waiting(self) -> bool:
        """Whether there is more to take."""
        return self.size > 0

    def take(self, held: int, *, last: bool) -> str | None:
        """The next block to read behind a tail of `held` characters, None when it does not pay yet.

        With `last`, all that waits comes out in blocks, then None.
        """
        enough = held // self.PATIENCE if held > self.BLOCK // 4 else 1
        if not self.size or (self.size < enough and not last):
            return None
        waiting = self._pieces[0] if len(self._pieces) == 1 else "".join(self._pieces)
        size = max(self.LAST if last else self.BLOCK, enough)
        self._pieces = [waiting[size:]] if len(waiting) > size else []
        self.size = max(0, len(waiting) - size)
        return waiting[:size]
