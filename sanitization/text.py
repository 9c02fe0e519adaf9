"""
`Sanitized`: text that has been through the filter chain. For the type checker it is a type of its own, so
whatever must not see raw text says so in its signature.

Only `stream` makes one from text, `join` from others of its kind, `chain` from the operator's own system
prompt, and `prompts.caching.answers` when it reads back what was stored as one; a test walks the source and
lists the places.
"""

from collections.abc import Iterable
from typing import Literal, NewType

Sanitized = NewType("Sanitized", str)

EMPTY = Sanitized("")


def join(texts: Iterable[Sanitized], *, between: Literal["", "\n\n"] = "") -> Sanitized:
    """The pieces of one sanitized text, put together again; or several texts, a blank line between them."""
    return Sanitized(between.join(texts))
