"""
Names that stand for values: `[EMAIL_1]`, numbered per rule by first appearance.

The map from name to value lives in memory, for one request; what several requests of a conversation share is
a `Memory`, which somebody else keeps, sealed. Only the caller's own values are in it: what is masked in an
answer gets names from `for_answer`, which nobody ever turns back.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sanitization.normalize import folded

# What may stand inside a variant of a placeholder without hiding from a reader that it is one: blanks,
# Markdown's marks and escapes, brackets.
_ORNAMENTS = dict.fromkeys(map(ord, " \t\n\r_\\*`~[](){}<>.:#-"))
_ORNAMENT = re.compile("[" + re.escape("".join(map(chr, _ORNAMENTS))) + "]+")
_EXACT = re.compile(r"\[([A-Z][A-Z0-9_]*)_([0-9]{1,6})\]")


@dataclass(frozen=True, slots=True)
class Memory:
    """What the requests of one conversation share: entries (rule, value, placeholder), the one that was named
    last at the end, and per label the first number that nothing has had.
    """

    entries: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)
    following: Mapping[str, int] = field(default_factory=dict)

    def as_document(self) -> dict[str, Any]:
        return {"entries": [list(entry) for entry in self.entries], "following": dict(self.following)}

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Memory":
        return cls(tuple((r, v, p) for r, v, p in document["entries"]), dict(document["following"]))

    def after(self, answer: str) -> "Memory":
        """With the numbers used up that this sanitized answer shows."""
        following = dict(self.following)
        for label, number in _EXACT.findall(answer):
            following[label] = max(following.get(label, 1), int(number) + 1)
        return Memory(self.entries, following)


class Placeholders:
    """Mints the placeholders of one request. `inputs` are all texts that the caller sent.

    A number is skipped if any variant of its placeholder occurs in the inputs ("email 1", `\\[Email\\_1]`),
    so that a placeholder is only ever there because it was put there. Equal values share one placeholder;
    equal means the same characters, so that restoring gives back exactly what was masked. Values of `memory`
    keep the placeholders of earlier requests, also where the caller repeats one of these.
    """

    def __init__(self, inputs: Iterable[str] = (), *, memory: Memory | None = None) -> None:
        self._inputs = tuple(inputs)
        self._squeezed: str | None = None
        self._taken: dict[str, set[int]] = {}
        self._following: dict[str, int] = {}  # per label, the first number not looked at
        self._by_value: dict[tuple[str, str], str] = {}
        self._named: list[tuple[str, str]] = []  # rule and value, in this request, in order, each once
        self._unnamed: set[tuple[str, str]] = set()  # of `memory`, what this request has not named
        if memory is not None:
            self._following |= memory.following
            for rule, value, placeholder in memory.entries:
                self._by_value[rule, value] = placeholder
            self._unnamed = set(self._by_value)

    def __repr__(self) -> str:
        return f"<{len(self._by_value)} placeholders>"

    @property
    def entries(self) -> Mapping[str, str]:
        """Placeholder to value."""
        return {placeholder: value for (_, value), placeholder in self._by_value.items()}

    def mint(self, rule: str, value: str) -> str:
        """The placeholder of this value under this rule, a new one if it has none."""
        key = rule, value
        known = self._by_value.get(key)
        if known is not None:
            if self._unnamed and key in self._unnamed:
                self._unnamed.remove(key)
                self._named.append(key)
            return known
        label = rule.upper()
        taken = self._taken.get(label)
        if taken is None:
            taken = self._taken_numbers(label)
        number = self._following.get(label, 1)
        while number in taken:
            number += 1
        self._following[label] = number + 1
        placeholder = f"[{label}_{number}]"
        self._named.append(key)
        self._by_value[key] = placeholder
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
        return [value for (owner, value) in self._named if owner == rule]

    def memory(self) -> Memory:
        """For the next request of the conversation: what was remembered, and what is new."""
        named = [key for key in self._by_value if key in self._unnamed] + self._named
        entries = tuple((rule, value, self._by_value[rule, value]) for rule, value in named)
        return Memory(entries, dict(self._following))

    @property
    def state(self) -> str:
        """The same for two requests whose answers get the same placeholders with the same meaning."""
        known = [sorted(self._by_value.values()), sorted(self._following.items())]
        return hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]

    def for_answer(self) -> "Placeholders":
        """Mints what an answer needs, with numbers that continue after these. Knows none of these values,
        and these never learn of its.
        """
        later = Placeholders(self._inputs)
        later._squeezed, later._taken = self._squeezed, self._taken
        later._following = dict(self._following)
        return later

    def _taken_numbers(self, label: str) -> set[int]:
        """Works out which numbers the inputs have used up."""
        if self._squeezed is None:
            self._squeezed = "\0".join(map(_squeezed, self._inputs))
        runs = re.findall(re.escape(label.lower().replace("_", "")) + r"(\d{1,9})", self._squeezed)
        # "[EMAIL_1] 2" squeezes to email12: every beginning of the digits may have been the number.
        taken = {int(run[:size]) for run in runs for size in range(1, len(run) + 1)}
        self._taken[label] = taken
        return taken


def _squeezed(text: str) -> str:
    """What a reader takes for one and the same placeholder is the same text then."""
    return "".join(_without_ornaments(part.lower()) for part in folded(text))


def _without_ornaments(text: str) -> str:
    # Python translates nothing but ASCII fast.
    return text.translate(_ORNAMENTS) if text.isascii() else _ORNAMENT.sub("", text)
