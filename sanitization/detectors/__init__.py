"""
Every detector of this package, one class a rule, found by looking through the modules beside this one.

A duplicate rule id is an error at import. Each rule has its table of cases in tests/corpus/<rule>.jsonl.
"""

from collections.abc import Iterable
from types import ModuleType

from sanitization.detectors import addresses, credentials, identity, money, phones, private_keys, vendors
from sanitization.detectors.base import Detector

# Raise when a detector's code or rules change: answers that were sanitized by other rules are not reused.
DETECTORS_VERSION = 1


def collect(modules: Iterable[ModuleType]) -> dict[str, type[Detector]]:
    """Rule id to class, in the order of definition."""
    rules: dict[str, type[Detector]] = {}
    for module in modules:
        for member in vars(module).values():
            own = isinstance(member, type) and issubclass(member, Detector)
            if not own or member.__module__ != module.__name__ or "rule" not in vars(member):
                continue
            if member.rule in rules:
                raise TypeError(f"two detectors are called {member.rule}")
            rules[member.rule] = member
    return rules


BY_RULE = collect((addresses, phones, money, identity, private_keys, credentials, vendors))
ALL = tuple(BY_RULE.values())
