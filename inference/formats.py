"""
Whether a finished answer is what its JSON schema asked for: a grammar shapes it, and cannot say everything
(`minimum`, `uniqueItems`, ...).

Schemas come from callers. Patterns are RE2, not Python's backtracking `re`; nothing is fetched; and a schema
that cannot be applied makes the answer unfit.
"""

import json
from collections.abc import Iterator
from typing import Any

import re2
from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

from inference.errors import AnswerUnfit, FormatRefused

_QUIET = re2.Options()
_QUIET.log_errors = False


def _pattern(validator: Any, pattern: str, instance: Any, schema: Any) -> Iterator[ValidationError]:
    if isinstance(instance, str) and not re2.search(pattern, instance):
        yield ValidationError("does not match the pattern")


def _pattern_properties(
    validator: Any, patterns: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    for pattern, inner in patterns.items():
        for name, value in instance.items():
            if re2.search(pattern, name):
                yield from validator.descend(value, inner, path=name, schema_path=pattern)


def _additional_properties(
    validator: Any, inner: Any, instance: Any, schema: Any
) -> Iterator[ValidationError]:
    if not isinstance(instance, dict):
        return
    known, patterns = schema.get("properties", {}), schema.get("patternProperties", {})
    for name, value in instance.items():
        if name in known or any(re2.search(pattern, name) for pattern in patterns):
            continue
        if inner is False:
            yield ValidationError("has a property too many")
        else:
            yield from validator.descend(value, inner, path=name)


Validator = extend(
    Draft202012Validator,
    {
        "pattern": _pattern,
        "patternProperties": _pattern_properties,
        "additionalProperties": _additional_properties,
    },
)


def check_schema(schema: dict[str, Any]) -> None:
    """Raises FormatRefused for what no answer could be checked against."""
    try:
        is_one = Draft202012Validator(Draft202012Validator.META_SCHEMA).is_valid(schema)
    except Exception:  # noqa: BLE001  (as above)
        is_one = False
    if not is_one:
        raise FormatRefused("The schema is no JSON schema (draft 2020-12).")


def check_pattern(pattern: str) -> None:
    """Raises FormatRefused for a pattern that RE2 does not read."""
    try:
        re2.compile(pattern, _QUIET)
    except Exception:  # noqa: BLE001  (surrogates make it raise something else)
        raise FormatRefused(
            "The schema has a pattern that is no regular expression, as RE2 has them."
        ) from None


def check(answer: str, schema: str) -> None:
    """Raises AnswerUnfit if `answer` is no JSON that `schema` describes."""
    try:
        fits = Validator(json.loads(schema)).is_valid(json.loads(answer))
    except Exception:  # noqa: BLE001  (the library raises all sorts of things about a caller's schema)
        raise AnswerUnfit from None
    if not fits:
        raise AnswerUnfit
