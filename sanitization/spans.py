"""
What filters say about a text, and what is kept of it: positions, never the text itself.

All positions are code points. A `Span` counts in the text that its filter was given; a `Finding` counts in
the original and in the sanitized text, and may be logged and stored.
"""

from enum import Enum
from functools import partial
from typing import Literal, NamedTuple

Direction = Literal["prompt", "answer"]


class Action(Enum):
    """What happens to a finding, weakest first: where findings overlap, the strongest wins.

    off: not looked for. flag: reported, the text stays. mask: a placeholder takes its place, which the
    caller's copy turns back. hash: a keyed hash takes its place, the same for the same value in every text,
    and nothing turns it back. remove: it goes, or what its filter names takes its place (cleaned markup).
    block: the prompt is refused, the answer ends before it.
    """

    OFF = "off"
    FLAG = "flag"
    MASK = "mask"
    HASH = "hash"
    REMOVE = "remove"
    BLOCK = "block"

    @property
    def strength(self) -> int:
        return _STRENGTH[self]


_STRENGTH = {action: strength for strength, action in enumerate(Action)}


class Span(NamedTuple):
    """One thing a filter points at. `score` is its confidence, 0 to 1.

    `action` overrides the policy's for this span; None, the usual, leaves it to the policy. `replacement`
    is what a removal leaves in its place.
    """

    start: int
    end: int
    rule: str
    score: float
    action: Action | None = None
    replacement: str = ""


class Finding(NamedTuple):
    """What was found and what was done. `part` is a JSON pointer to the field the text came from.

    `version` is the rule's. `fingerprint` is a keyed hash of rule and value (16 hexadecimal digits), equal
    for equal values so that repeats can be counted; empty for what is no value (cleaned markup).
    """

    rule: str
    direction: Direction
    part: str
    start: int
    end: int
    output_start: int
    output_end: int
    action: Action
    score: float
    version: int = 1
    fingerprint: str = ""

    def as_dict(self) -> dict[str, str | int | float]:
        """For the journal and the API; the keys are public vocabulary."""
        return {
            "rule": self.rule,
            "direction": self.direction,
            "part": self.part,
            "start": self.start,
            "end": self.end,
            "output_start": self.output_start,
            "output_end": self.output_end,
            "action": self.action.value,
            "score": self.score,
            "version": self.version,
            "fingerprint": self.fingerprint,
        }


# A `Span` or `Finding` of a tuple of its fields, for half of what a call of the class costs: hostile texts
# have a hundred thousand.
as_span, as_finding = partial(tuple.__new__, Span), partial(tuple.__new__, Finding)
