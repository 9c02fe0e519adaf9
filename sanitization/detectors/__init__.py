"""
Every detector of this package, one class a rule, found by looking through the modules of this package: the
classes that a module defines, and those that it has in its TABLE.

A duplicate rule id is an error at import; a rule may have further forms, each a class that names the first
(`form_of`). Each rule has its table of cases in tests/corpus/<rule>.jsonl.
"""

import pkgutil
from collections.abc import Iterable, Iterator
from importlib import import_module
from types import ModuleType

from sanitization.detectors.base import Detector
from sanitization.rules import declare

# Raise when what is found changes in a way that no rule's own version tells: answers that were sanitized by
# other rules are not reused.
DETECTORS_VERSION = 6


def modules(package: ModuleType) -> Iterator[ModuleType]:
    """Every module of a package and of the packages in it, by name."""
    for found in sorted(
        pkgutil.walk_packages(package.__path__, f"{package.__name__}."), key=lambda one: one.name
    ):
        yield import_module(found.name)


def collect(rooms: Iterable[ModuleType]) -> list[type[Detector]]:
    """All of them, in the order of definition. TypeError if two have the same rule and none is a form."""
    found: list[type[Detector]] = []
    rules: set[str] = set()
    for module in rooms:
        defined = [
            member
            for member in vars(module).values()
            if isinstance(member, type) and issubclass(member, Detector)
            if member.__module__ == module.__name__ and "rule" in vars(member)
        ]
        for member in (*defined, *getattr(module, "TABLE", ())):
            found.append(member)
            if member.form_of is None and member.rule in rules:
                raise TypeError(f"two detectors are called {member.rule}")
            if member.form_of is None:
                rules.add(member.rule)
    return found


ALL = tuple(collect(modules(import_module(__name__))))
BY_RULE = {detector.rule: detector for detector in ALL if detector.form_of is None}
declare(*(detector.as_rule() for detector in BY_RULE.values()))
