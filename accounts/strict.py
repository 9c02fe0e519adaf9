"""
Reading what callers send, strictly: what is wrong gets one clear sentence, nothing is coerced.

`parse_strictly` is the one JSON reader of the service; DRF uses it through `StrictJSONParser`, the
asynchronous prompt view calls it. Serializers of ours start from `StrictSerializer` and its fields.
"""

import json
from collections.abc import Iterator, Mapping
from typing import IO, Any

from rest_framework import serializers
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser


def parse_strictly(body: bytes) -> dict[str, Any]:
    """The JSON object in a request body. Raises DRF's ParseError with a sentence for the caller."""
    if not body.strip():
        raise ParseError("The body is empty. Send a JSON object.")
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise ParseError("The body is not UTF-8.") from None
    try:
        parsed = json.loads(text, parse_constant=_refuse_constant)
    except RecursionError:
        raise ParseError("The body is nested too deeply.") from None
    except ValueError:  # not JSON, or a number of thousands of digits
        raise ParseError("The body is not valid JSON.") from None
    if not isinstance(parsed, dict):
        raise ParseError("The body must be a JSON object.")
    if "\\u" in text or "\0" in text:  # only an escape can bring these in: a raw one is no JSON
        for string in _strings(parsed):
            if "\0" in string:
                raise ParseError("A text holds a NUL character.")
            if any("\ud800" <= character <= "\udfff" for character in string):
                raise ParseError("A text holds an unpaired surrogate, which is no character.")
    return parsed


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _strings(tree: Any) -> Iterator[str]:
    """Every string of a parsed document, keys too, without recursion."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, dict):
            waiting += node.keys()
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


class StrictJSONParser(JSONParser):
    """DRF's door to `parse_strictly`."""

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        return parse_strictly(stream.read())


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields it does not know: a misspelled option must not be dropped without a word."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := sorted(set(map(str, data)) - set(self.fields))):
            known = ", ".join(self.fields)
            raise serializers.ValidationError(
                {name[:50]: [f"There is no such field. Known: {known}."] for name in unknown[:10]}
            )
        return super().to_internal_value(data)


class StrictCharField(serializers.CharField):
    """A JSON string and nothing else; DRF itself would take 5 for "5"."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return str(super().to_internal_value(data))


class StrictIntegerField(serializers.IntegerField):
    """A JSON integer: no "5", no true. 5.0 is one (JSON Schema 2020-12, 6.1.1)."""

    def to_internal_value(self, data: Any) -> int:
        is_whole = isinstance(data, float) and data.is_integer()
        if isinstance(data, bool) or not (isinstance(data, int) or is_whole):
            self.fail("invalid")
        return int(data)


class StrictFloatField(serializers.FloatField):
    """A JSON number: no "0.5", no true."""

    def to_internal_value(self, data: Any) -> float:
        if not isinstance(data, int | float) or isinstance(data, bool):
            self.fail("invalid")
        try:
            return float(data)
        except OverflowError:
            self.fail("invalid")


class StrictBooleanField(serializers.BooleanField):
    """true or false: no "yes", no 1."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data
