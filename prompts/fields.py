"""
What a field of a request may be. One declaration reads it (`read`) and describes it (`schema`).

`read` raises RequestRefused with a sentence that names the field and quotes no value. null means that the
field is not there, as OpenAI reads it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from prompts.errors import RequestRefused


class Field(Protocol):
    def read(self, value: Any, param: str) -> Any: ...

    def schema(self) -> dict[str, Any]:
        """JSON Schema 2020-12."""
        ...


@dataclass(frozen=True)
class Number:
    minimum: float
    maximum: float

    def read(self, value: Any, param: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RequestRefused(f"`{param}` must be a number.", param=param, code="invalid_type")
        if not self.minimum <= value <= self.maximum:
            sentence = f"`{param}` must be from {self.minimum:g} to {self.maximum:g}."
            raise RequestRefused(sentence, param=param)
        return float(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "number", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True)
class Integer:
    minimum: int
    maximum: int

    def read(self, value: Any, param: str) -> int:
        is_whole = isinstance(value, float) and value.is_integer()  # JSON Schema 2020-12, 6.1.1
        if isinstance(value, bool) or not (isinstance(value, int) or is_whole):
            raise RequestRefused(f"`{param}` must be an integer.", param=param, code="invalid_type")
        if not self.minimum <= value <= self.maximum:
            raise RequestRefused(f"`{param}` must be from {self.minimum} to {self.maximum}.", param=param)
        return int(value)

    def schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.minimum, "maximum": self.maximum}


@dataclass(frozen=True)
class Flag:
    def read(self, value: Any, param: str) -> bool:
        if not isinstance(value, bool):
            raise RequestRefused(f"`{param}` must be true or false.", param=param, code="invalid_type")
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@dataclass(frozen=True)
class Text:
    maximum: int
    minimum: int = 0

    def read(self, value: Any, param: str) -> str:
        if not isinstance(value, str):
            raise RequestRefused(f"`{param}` must be a string.", param=param, code="invalid_type")
        if not self.minimum <= len(value) <= self.maximum:
            sentence = f"`{param}` must have {self.minimum} to {self.maximum} characters."
            raise RequestRefused(sentence, param=param)
        return value

    def schema(self) -> dict[str, Any]:
        return {
            "type": "string",
            "minLength": self.minimum,
            "maxLength": self.maximum,
            "pattern": r"^[^\u0000]*$",
        }


@dataclass(frozen=True)
class OneOf:
    names: tuple[str, ...]

    def read(self, value: Any, param: str) -> str:
        if not isinstance(value, str) or value not in self.names:
            raise RequestRefused(f"`{param}` must be one of: {', '.join(self.names)}.", param=param)
        return value

    def schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.names)}


@dataclass(frozen=True)
class Texts:
    """A string, or an array of strings: as a tuple."""

    each: Text
    maximum: int
    minimum: int = 1

    def read(self, value: Any, param: str) -> tuple[str, ...]:
        if isinstance(value, str):
            return (self.each.read(value, param),)
        if not isinstance(value, list):
            sentence = f"`{param}` must be a string or an array of strings."
            raise RequestRefused(sentence, param=param, code="invalid_type")
        if not self.minimum <= len(value) <= self.maximum:
            sentence = f"`{param}` must have {self.minimum} to {self.maximum} entries."
            raise RequestRefused(sentence, param=param)
        return tuple(self.each.read(one, f"{param}[{number}]") for number, one in enumerate(value))

    def schema(self) -> dict[str, Any]:
        each = self.each.schema()
        many = {"type": "array", "items": each, "minItems": self.minimum, "maxItems": self.maximum}
        return {"anyOf": [each, many]}


@dataclass(frozen=True)
class Biases:
    """An object from token numbers to numbers: as pairs, sorted."""

    maximum_entries: int = 1024

    def read(self, value: Any, param: str) -> tuple[tuple[int, float], ...]:
        if not isinstance(value, dict) or len(value) > self.maximum_entries:
            sentence = f"`{param}` must be an object of at most {self.maximum_entries} token numbers."
            raise RequestRefused(sentence, param=param, code="invalid_type")
        bias, pairs = Number(-100, 100), {}
        for token, by in value.items():
            if not (token.isascii() and token.isdigit() and len(token) <= 9):
                raise RequestRefused(f"The names in `{param}` must be token numbers.", param=param)
            pairs[int(token)] = bias.read(by, f"{param}.{int(token)}")
        return tuple(sorted(pairs.items()))

    def schema(self) -> dict[str, Any]:
        return {
            "type": "object",
            "patternProperties": {"^[0-9]{1,9}$": Number(-100, 100).schema()},
            "additionalProperties": False,
            "maxProperties": self.maximum_entries,
        }


@dataclass(frozen=True)
class Labels:
    """An object of strings."""

    def read(self, value: Any, param: str) -> dict[str, str]:
        if not isinstance(value, dict) or not all(isinstance(one, str) for one in value.values()):
            raise RequestRefused(f"`{param}` must be an object of strings.", param=param, code="invalid_type")
        return value

    def schema(self) -> dict[str, Any]:
        text = Text(1).schema()["pattern"]
        return {
            "type": "object",
            "propertyNames": {"pattern": text},
            "additionalProperties": {"type": "string", "pattern": text},
        }


def check_names(
    body: Mapping[str, Any], known: Collection[str], unsupported: Collection[str], *, at: str = ""
) -> None:
    """Raises RequestRefused for a field that is not known, or that asks for what cannot be done here. null
    asks for nothing."""
    for name, value in body.items():
        if name in known or (name in unsupported and value in (None, [], {})):
            continue
        param = f"{at}.{name}" if at else name
        if name in unsupported:
            sentence = f"`{param}` is not supported here."
            raise RequestRefused(sentence, param=param, code="unsupported_parameter")
        shown = param if name.isidentifier() and len(name) <= 50 else at or None
        sentence = f"Unknown field: `{shown}`." if shown else "There is an unknown field."
        raise RequestRefused(sentence, param=shown, code="unknown_parameter")


def read_fields(body: dict[str, Any], fields: dict[str, Field]) -> dict[str, Any]:
    """Those of `fields` that are there and not null."""
    return {
        name: fields[name].read(value, name)
        for name, value in body.items()
        if value is not None and name in fields
    }


def required(body: dict[str, Any], name: str, *, at: str = "") -> Any:
    if (value := body.get(name)) is None:
        param = f"{at}.{name}" if at else name
        raise RequestRefused(f"`{param}` is missing.", param=param, code="missing_required_parameter")
    return value


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [schema, {"type": "null"}]}


def record(
    properties: dict[str, Any], needed: Sequence[str] = (), *, optional: dict[str, Field] | None = None
) -> dict[str, Any]:
    """An object with these fields and no other; null stands for an optional one that is not there."""
    described = {name: nullable(field.schema()) for name, field in (optional or {}).items()}
    return {
        "type": "object",
        "properties": {**properties, **described},
        "required": list(needed),
        "additionalProperties": False,
    }
