"""
Reads a policy from JSON, and says about everything that is wrong with it where it stands and why.

    {"prompt": {"email": "mask", "prompt_attack": "block"}, "answer": {}, "thresholds": {"phone": 0.8},
     "allow": {"email": ["*@example.org"]}, "custom": [{"id": "project", "kind": "word", "text": "Bluebird"}],
     "html": "markdown", "restore": true, "unrestored": [], "origins": [], "links": "plain",
     "images": "listed", "tools": {}, "system_prompt": ""}

Every key may be left out. What an operator's words and patterns may be is for `sanitization.custom` to say.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeVar

from sanitization.custom import problems
from sanitization.errors import PolicyInvalid
from sanitization.policies import (
    CUSTOM_DIRECTIONS,
    CUSTOM_KINDS,
    CUSTOM_PREFIX,
    EVERY_RULE,
    HTML_MODES,
    LINK_REACHES,
    REACHES,
    CustomRule,
    Policy,
)
from sanitization.spans import Action

MAX_CUSTOM = 10_000
MAX_ALLOWED = 10_000
MAX_TEXT = 1_000
MAX_SYSTEM_PROMPT = 50_000

_ACTIONS = tuple(action.value for action in Action)
_ID = re.compile(r"[a-z][a-z0-9_]{0,39}")
_ORIGIN = re.compile(r"https?://(?:\*\.)?[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::\d{1,5})?")
_DEFAULTS = Policy()

T = TypeVar("T")


def read(document: object, *, slug: str, known: Collection[str] | None = None) -> Policy:
    """The policy that this JSON document describes. `known` are the rules that exist; None does not ask.

    Raises PolicyInvalid with every problem, each behind the JSON pointer of its field.
    """
    return _Reader(known).read(document, slug=slug)


class _Reader:
    def __init__(self, known: Collection[str] | None) -> None:
        self._known = known
        self._own: frozenset[str] = frozenset()  # the policy's custom rules
        self._problems: dict[str, str] = {}

    def read(self, document: object, *, slug: str) -> Policy:
        if not isinstance(document, dict):
            raise PolicyInvalid({"": "A policy is a JSON object."})
        fields: dict[str, Callable[[object, str], Any]] = {
            "prompt": self._actions,
            "answer": self._actions,
            "thresholds": self._thresholds,
            "allow": self._allow,
            "custom": self._custom,
            "html": self._choice(HTML_MODES),
            "restore": self._flag,
            "unrestored": self._rules,
            "origins": self._origins,
            "links": self._choice(LINK_REACHES),
            "images": self._choice(REACHES),
            "tools": self._tools,
            "system_prompt": self._system_prompt,
        }
        for name in document.keys() - fields.keys():
            self._problem(f"/{_escaped(str(name))}", f"There is no such field. Known: {', '.join(fields)}.")
        # Custom rules first: the other fields may name them.
        order = sorted(fields, key=lambda name: name != "custom")
        values = {name: fields[name](document[name], f"/{name}") for name in order if name in document}
        if self._problems:
            raise PolicyInvalid(self._problems)
        return Policy(slug=slug, **values)

    def _problem(self, pointer: str, sentence: str) -> None:
        self._problems.setdefault(pointer, sentence)

    def _rule(self, rule: object, pointer: str) -> bool:
        if not isinstance(rule, str):
            self._problem(pointer, "A rule is named by a string.")
        elif rule.startswith(CUSTOM_PREFIX):
            if rule in self._own:
                return True
            self._problem(pointer, "No custom rule of this policy has this name.")
        elif self._known is not None and rule not in self._known:
            self._problem(pointer, "There is no such rule.")
        else:
            return True
        return False

    def _items(self, value: object, pointer: str) -> list[tuple[str, str, object]]:
        if not isinstance(value, dict):
            self._problem(pointer, "This is a JSON object.")
            return []
        return [(str(key), f"{pointer}/{_escaped(str(key))}", item) for key, item in value.items()]

    def _strings(self, value: object, pointer: str, *, most: int) -> tuple[str, ...]:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._problem(pointer, "This is a list of strings.")
            return ()
        if len(value) > most:
            self._problem(pointer, f"At most {most} are allowed.")
            return ()
        for number, item in enumerate(value):
            if not item.strip() or len(item) > MAX_TEXT or not _encodable(item):
                self._problem(f"{pointer}/{number}", f"This is text of 1 to {MAX_TEXT} characters.")
        return tuple(value)

    def _actions(self, value: object, pointer: str) -> Mapping[str, Action]:
        found = {}
        for rule, place, action in self._items(value, pointer):
            if self._rule(rule, place) and (chosen := self._choice(_ACTIONS)(action, place)):
                found[rule] = Action(chosen)
        return found

    def _thresholds(self, value: object, pointer: str) -> Mapping[str, float]:
        found = {}
        for rule, place, score in self._items(value, pointer):
            number = isinstance(score, int | float) and not isinstance(score, bool)
            if not number or not 0 <= score <= 1:  # type: ignore[operator]
                self._problem(place, "A threshold is a number from 0 to 1.")
            elif self._rule(rule, place):
                found[rule] = float(score)  # type: ignore[arg-type]
        return found

    def _allow(self, value: object, pointer: str) -> Mapping[str, tuple[str, ...]]:
        found = {}
        for rule, place, values in self._items(value, pointer):
            if rule == EVERY_RULE or self._rule(rule, place):
                found[rule] = self._strings(values, place, most=MAX_ALLOWED)
                for number, item in enumerate(found[rule]):
                    if not item.strip("*"):
                        self._problem(
                            f"{place}/{number}", "This would allow every value: use the action off."
                        )
        return found

    def _custom(self, value: object, pointer: str) -> tuple[CustomRule, ...]:
        if not isinstance(value, list):
            self._problem(pointer, "This is a list of objects.")
            return ()
        if len(value) > MAX_CUSTOM:
            self._problem(pointer, f"At most {MAX_CUSTOM} are allowed.")
            return ()
        read = ((number, self._one(one, f"{pointer}/{number}")) for number, one in enumerate(value))
        rules = {number: rule for number, rule in read if rule is not None}
        seen: set[str] = set()
        for number, rule in rules.items():
            if rule.id in seen:
                self._problem(f"{pointer}/{number}/id", "Another custom rule has this id.")
            seen.add(rule.id)
        for number, sentence in problems(rules).items():
            self._problem(f"{pointer}/{number}/text", sentence)
        self._own = frozenset(rule.rule for rule in rules.values())
        return tuple(rules.values())

    def _one(self, value: object, pointer: str) -> CustomRule | None:
        before = len(self._problems)
        if not isinstance(value, dict):
            self._problem(pointer, "This is a JSON object.")
            return None
        given = {key: (place, item) for key, place, item in self._items(value, pointer)}
        expected = {"id", "kind", "text", "action", "direction", "ignore_case"}
        for key in given.keys() - expected:
            self._problem(given[key][0], f"There is no such field. Known: {', '.join(sorted(expected))}.")
        for key in ("id", "kind", "text"):
            if key not in given:
                self._problem(f"{pointer}/{key}", "This is required.")
        readers: dict[str, Callable[[object, str], Any]] = {
            "id": self._id,
            "kind": self._choice(CUSTOM_KINDS),
            "text": self._text,
            "action": self._choice(_ACTIONS),
            "direction": self._choice(CUSTOM_DIRECTIONS),
            "ignore_case": self._flag,
        }
        values = {key: readers[key](item, place) for key, (place, item) in given.items() if key in expected}
        if len(self._problems) > before:
            return None
        if "action" in values:
            values["action"] = Action(values["action"])
        return CustomRule(**values)

    def _id(self, value: object, pointer: str) -> str:
        if not isinstance(value, str) or not _ID.fullmatch(value):
            self._problem(pointer, "An id is 1 to 40 of a-z, 0-9 and _, and begins with a letter.")
        return str(value)

    def _text(self, value: object, pointer: str) -> str:
        if not isinstance(value, str) or not value.strip() or len(value) > MAX_TEXT or not _encodable(value):
            self._problem(pointer, f"This is text of 1 to {MAX_TEXT} characters.")
        return str(value)

    def _choice(self, choices: Collection[T]) -> Callable[[object, str], T | None]:
        def reader(value: object, pointer: str) -> T | None:
            for choice in choices:
                if value == choice:
                    return choice
            self._problem(pointer, f"Use one of: {', '.join(map(str, choices))}.")
            return None

        return reader

    def _flag(self, value: object, pointer: str) -> bool:
        if not isinstance(value, bool):
            self._problem(pointer, "This is true or false.")
        return bool(value)

    def _rules(self, value: object, pointer: str) -> frozenset[str]:
        rules = self._strings(value, pointer, most=MAX_CUSTOM)
        return frozenset(rule for number, rule in enumerate(rules) if self._rule(rule, f"{pointer}/{number}"))

    def _origins(self, value: object, pointer: str) -> tuple[str, ...]:
        origins = self._strings(value, pointer, most=MAX_ALLOWED)
        for number, origin in enumerate(origins):
            if not _ORIGIN.fullmatch(origin):
                self._problem(
                    f"{pointer}/{number}",
                    "An origin is a scheme and a host, as in https://example.org or https://*.example.org.",
                )
        return origins

    def _tools(self, value: object, pointer: str) -> Mapping[str, tuple[str, ...]]:
        return {
            tool: self._strings(arguments, place, most=MAX_ALLOWED)
            for tool, place, arguments in self._items(value, pointer)
        }

    def _system_prompt(self, value: object, pointer: str) -> str:
        if not isinstance(value, str) or len(value) > MAX_SYSTEM_PROMPT or not _encodable(value):
            self._problem(pointer, f"This is text of at most {MAX_SYSTEM_PROMPT} characters.")
        return str(value)


def _encodable(text: str) -> bool:
    """Whether it can be stored: no NUL, which PostgreSQL refuses, and no half surrogate pairs."""
    return "\0" not in text and not any("\ud800" <= char <= "\udfff" for char in text)


def _escaped(key: str) -> str:
    """As a step of a JSON pointer, RFC 6901."""
    return key.replace("~", "~0").replace("/", "~1")
