"""
What becomes of the findings of one text, as its policy says. Knows nothing of scans or pieces.

The same is asked about every finding, and hostile texts have one in every few characters: what the policy
says of a rule, and the fingerprint of a value, is worked out once for a text.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

from sanitization.fingerprints import Fingerprints
from sanitization.normalize import fold
from sanitization.placeholders import Placeholders
from sanitization.policies import EVERY_RULE, Policy
from sanitization.rules import is_cleaned, version_of
from sanitization.spans import Action, Direction

# A member costs more to look up than to compare.
_MASK, _HASH, _REMOVE = Action.MASK, Action.HASH, Action.REMOVE


class Found(NamedTuple):
    """A span that counted, what was done about it, and the fingerprint of its value."""

    start: int
    end: int
    rule: str
    score: float
    action: Action
    replacement: str
    fingerprint: str


# A `Found` of a tuple of its fields, for half of what a call of the class costs.
as_found = partial(tuple.__new__, Found)


@dataclass(frozen=True, slots=True)
class Treatment:
    """What the policy says of one rule. `is_value`: not something to clean away, such as markup. `allowed`:
    entries whose values are no findings, as they read. `marks` are the fingerprints of the values without any
    quoting that have turned up.
    """

    rule: str
    action: Action
    threshold: float
    is_value: bool
    allowed: tuple[str, ...]
    version: int
    marks: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    def allows(self, value: str) -> bool:
        """Whether the policy allows this value."""
        read = fold(value)[0].casefold()
        return any(_allows(entry, read) for entry in self.allowed)


class Ruling:
    """What becomes of the findings of one text. `ends_at_block`: nothing follows a blocked finding."""

    def __init__(
        self,
        direction: Direction,
        policy: Policy,
        placeholders: Placeholders,
        fingerprints: Fingerprints,
        *,
        ends_at_block: bool,
    ) -> None:
        self.direction = direction
        self.policy = policy
        self.ends_at_block = ends_at_block
        self.mint = placeholders.mint
        self._fingerprints = fingerprints
        self.fingerprint_once = fingerprints.of  # for whoever remembers it
        self._treatments: dict[str, Treatment] = {}
        self._known: dict[tuple[str, str], str] = {}  # rule and value to fingerprint

    def treatment(self, rule: str) -> Treatment:
        known = self._treatments.get(rule)
        if known is None:
            policy = self.policy
            listed = policy.allow.get(rule, ()) + policy.allow.get(EVERY_RULE, ())
            known = self._treatments[rule] = Treatment(
                rule=rule,
                action=policy.action(self.direction, rule),
                threshold=policy.threshold(rule),
                is_value=not is_cleaned(rule),
                allowed=tuple(fold(entry)[0].casefold() for entry in listed),
                version=version_of(rule),
            )
        return known

    def fingerprint(self, rule: str, value: str) -> str:
        """Of a value that may turn up again."""
        known = self._known.get((rule, value))
        if known is None:
            known = self._known[rule, value] = self.fingerprint_once(rule, value)
        return known

    def rewrite(self, group: Sequence[Found], original: str) -> str:
        """What stands in the place of a group of overlapping spans; `original` is their union."""
        if len(group) == 1:
            return self.replace(group[0], original)
        best = max(group, key=_weight)
        if best.action is _HASH:
            return self._fingerprints.name(best.rule, original)
        if best.action is _REMOVE and not any(one.replacement for one in group):
            return ""
        # One span's replacement does not speak for the union: it may repeat what another one hides.
        return self.mint(best.rule, original)

    def replace(self, one: Found, original: str) -> str:
        """What stands in the place of a span that overlaps no other."""
        action = one.action
        if action is _REMOVE:
            return one.replacement
        if action is _HASH:
            return self._fingerprints.name(one.rule, original)
        return self.mint(one.rule, original)


def _allows(entry: str, value: str) -> bool:
    inner = entry.strip("*")
    if entry.startswith("*"):
        return inner in value if entry.endswith("*") else value.endswith(inner)
    return value.startswith(inner) if entry.endswith("*") else value == inner


def _weight(one: Found) -> tuple[int, float, int, str]:
    """The strongest action counts; then the better evidence, then the longer span, names the placeholder; the
    rest is only for order.
    """
    return one.action.strength, one.score, one.end - one.start, one.rule
