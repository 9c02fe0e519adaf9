"""
System checks: whatever would otherwise fail, or silently not protect, on somebody's first prompt.

    sanitization.E001  SANITIZATION_FILTERS names something that is no filter, or nothing at all
    sanitization.E002  one of the lists POLICY_OFF … POLICY_BLOCK names a rule that does not exist
    sanitization.E003  POLICY_HTML is not one of the modes
    sanitization.E004  a rule stands in two of the lists
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from sanitization.chain import Chain, load_filter
from sanitization.policies import HTML_MODES

_LISTS = ("POLICY_OFF", "POLICY_FLAG", "POLICY_MASK", "POLICY_HASH", "POLICY_BLOCK")


@register("sanitization")
def check_filters(**_kwargs: Any) -> list[CheckMessage]:
    paths: Sequence[str] = settings.SANITIZATION_FILTERS
    problems: list[CheckMessage] = [] if paths else [_no_filter("SANITIZATION_FILTERS is empty.")]
    for path in paths:
        try:
            load_filter(path)
        except Exception as error:  # noqa: BLE001  # somebody else's code: whatever it raises, say it here
            problems.append(_no_filter(f"{path} cannot be used as a filter: {type(error).__name__}: {error}"))
    return problems


def _no_filter(sentence: str) -> Error:
    return Error(
        sentence,
        hint="SANITIZATION_FILTERS lists dotted paths of classes that implement sanitization.filters.Filter "
        "and are made without arguments.",
        id="sanitization.E001",
    )


@register("sanitization")
def check_policy(**_kwargs: Any) -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    if settings.POLICY_HTML not in HTML_MODES:
        problems.append(
            Error(
                f"POLICY_HTML is {settings.POLICY_HTML!r}.",
                hint=f"Use one of: {', '.join(HTML_MODES)}.",
                id="sanitization.E003",
            )
        )
    listed = Counter(rule for name in _LISTS for rule in set(getattr(settings, name)))
    for rule in sorted(rule for rule, times in listed.items() if times > 1):
        problems.append(
            Error(
                f"The rule {rule} stands in more than one of {', '.join(_LISTS)}.",
                hint="Keep it in one list.",
                id="sanitization.E004",
            )
        )
    return problems + _unknown_rules()


def _unknown_rules() -> list[CheckMessage]:
    try:
        known = Chain.from_paths(settings.SANITIZATION_FILTERS).rules
    except Exception:  # noqa: BLE001  # E001 says it
        return []
    return [
        Error(
            f"{name} names {rule}, which is no rule.",
            hint=f"The rules are: {', '.join(sorted(known))}.",
            id="sanitization.E002",
        )
        for name in _LISTS
        for rule in getattr(settings, name)
        if rule not in known
    ]
