"""
Names that stand for values: `[EMAIL_1]`, numbered per rule by first appearance.

The map from name to value lives in memory, for one request. Only the caller's own values are in it: what is
masked in an answer gets names from `for_answer`, which nobody ever turns back.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, count
from types import MappingProxyType

from sanitization.normalize import fold

# What may stand inside a variant of a placeholder without hiding from a reader that it is one: blanks,
# Markdown's marks and escapes, brackets.
_ORNAMENTS = dict.fromkeys(map(ord, " \t\n\r_\\*`~[](){}<>.:#-"))


class Placeholders:
    """Mints the placeholders of one request. `inputs` are all texts that the caller sent.

    A number is skipped if any variant of its placeholder occurs in the inputs ("email 1", `\\[Email\\_1]`),
    so that a placeholder is only ever there because it was put there. Equal values share one placeholder;
    equal means the same characters, so that restoring gives back exactly what was masked.
    """

    def __init__(self, inputs: Iterable[str] = ()) -> None:
        self._inputs = tuple(inputs)
        self._squeezed: str | None = None
        self._taken: dict[str, set[int]] = {}
        self._numbers: dict[str, Iterator[int]] = {}
        self._by_value: dict[tuple[str, str], str] = {}
        self._entries: dict[str, str] = {}
        self._answer: Placeholders | None = None

    def __repr__(self) -> str:
        return f"<{len(self._entries)} placeholders>"

    @property
    def entries(self) -> Mapping[str, str]:
        """Placeholder to value."""
        return MappingProxyType(self._entries)

    def mint(self, rule: str, value: str) -> str:
        """The placeholder of this value under this rule, a new one if it has none."""
        known = self._by_value.get((rule, value))
        if known is not None:
            return known
        label = rule.upper()
        taken = self._taken_numbers(label)
        numbers = self._numbers.setdefault(label, count(1))
        placeholder = f"[{label}_{next(number for number in numbers if number not in taken)}]"
        self._by_value[rule, value] = placeholder
        self._entries[placeholder] = value
        return placeholder

    def restorable(self, unrestored: Collection[str] = ()) -> dict[str, str]:
        """Placeholder to value, without the values that were masked under these rules."""
        return {
            placeholder: value
            for (rule, value), placeholder in self._by_value.items()
            if rule not in unrestored
        }

    def originals(self, rule: str) -> list[str]:
        """The values that were masked under this rule, in order of appearance, each once."""
        return [value for (owner, value) in self._by_value if owner == rule]

    def for_answer(self) -> "Placeholders":
        """Mints what an answer needs, with numbers that continue after these. Knows none of these values,
        and these never learn of its.
        """
        later = Placeholders(self._inputs)
        later._squeezed, later._taken = self._squeezed, self._taken
        for label, numbers in self._numbers.items():
            following = next(numbers)
            self._numbers[label] = chain([following], numbers)
            later._numbers[label] = count(following)
        return later

    def _taken_numbers(self, label: str) -> set[int]:
        if label not in self._taken:
            if self._squeezed is None:
                folded = (fold(text)[0].lower() for text in self._inputs)
                self._squeezed = "\0".join(text.translate(_ORNAMENTS) for text in folded)
            runs = re.findall(re.escape(label.lower().replace("_", "")) + r"(\d{1,9})", self._squeezed)
            # "[EMAIL_1] 2" squeezes to email12: every beginning of the digits may have been the number.
            self._taken[label] = {int(run[:size]) for run in runs for size in range(1, len(run) + 1)}
        return self._taken[label]
