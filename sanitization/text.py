"""
`Sanitized`: text that has been through the filter chain. For the type checker it is a type of its own, so
whatever must not see raw text says so in its signature.

Only `stream` makes one from text, and `prompts.cache` when it reads back what was stored as one; a test
walks the source and lists the places.
"""

from typing import NewType

Sanitized = NewType("Sanitized", str)

EMPTY = Sanitized("")
