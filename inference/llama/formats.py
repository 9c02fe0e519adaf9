"""
What an answer must look like, as a grammar. Schemas and grammars are callers' texts: bounded before the
converter sees them, and nothing of them is repeated in an error.
"""

import json
import re
from math import prod
from typing import Any

from llama_cpp.llama_grammar import SchemaConverter

from inference.backends import Format
from inference.errors import FormatRefused
from inference.formats import check_pattern, check_schema
from inference.gbnf import parse

MOST_CHARACTERS = 64_000
MOST_NESTING = 40
MOST_PARTS = 5000  # values in a schema, and rules that the converter makes of them
MOST_PROPERTIES = 200  # of one object: what the converter makes grows with their square
MOST_NAME = 128
MOST_PATTERN = 256
MOST_REPETITIONS = 500  # of characters or items; a longer limit is none, and left to whoever validates
_REPETITIONS = re.compile(r"\{([0-9]*)(?:,([0-9]*))?\}")

# White space is bounded, or a model that is unsure fills its answer with it.
JSON_OBJECT = r"""
root   ::= object
value  ::= object | array | string | number | ("true" | "false" | "null") ws
object ::= "{" ws ( string ":" ws value ("," ws string ":" ws value)* )? "}" ws
array  ::= "[" ws ( value ("," ws value)* )? "]" ws
string ::= "\"" ( [^"\\\x7F\x00-\x1F] | "\\" (["\\/bfnrt] | "u" [0-9a-fA-F]{4}) )* "\"" ws
number ::= "-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,3})? ws
ws     ::= | " " | "\n" [ \t]{0,20}
"""

_CHAR = r'char ::= [^"\\\x7F\x00-\x1F] |'

_CLASSES = {"d": "0-9", "w": "a-zA-Z0-9_", "s": " "}

# Say something to a reader, nothing about the answer.
_NOTES = frozenset(
    {"title", "description", "default", "examples", "deprecated", "$comment", "$schema", "$id"}
)


def grammar_of(format: Format[str]) -> str:
    """A grammar that `inference.gbnf` reads. Raises FormatRefused."""
    text = format.text or ""
    if len(text) > MOST_CHARACTERS:
        raise FormatRefused("The schema or grammar is too long.")
    grammar = {
        "json_object": lambda: JSON_OBJECT,
        "json_schema": lambda: _of_schema(text),
        "grammar": lambda: text,
    }[format.kind]()
    parse(grammar)
    return grammar


def _of_schema(text: str) -> str:
    try:
        schema = json.loads(text)
    except (ValueError, RecursionError):
        raise FormatRefused("The schema is no JSON.") from None
    _check(schema)
    converter: Any = _Converter(prop_order={}, allow_fetch=False, dotall=False, raw_pattern=False)  # type: ignore[no-untyped-call]
    plain = _plain(schema)
    check_schema(plain)
    try:
        converter.visit(converter.resolve_refs(plain, ""), "")
        grammar = str(converter.format_grammar())
    except FormatRefused:
        raise
    except Exception:  # noqa: BLE001  (the converter asserts, indexes and recurses on what it does not know)
        raise FormatRefused("The schema uses something that cannot be made a grammar.") from None
    # The converter's strings may hold raw line ends, which JSON forbids.
    return re.sub(r"^char ::= \[\^[^ ]*\] \|", lambda found: _CHAR, grammar, flags=re.MULTILINE)


class _Converter(SchemaConverter):
    """llama-cpp-python's, which ends where parts that are used again and again make more of a schema than was
    written, and writes names and constants as JSON does."""

    visits = 0

    def visit(self, schema: Any, name: str) -> str:
        self.visits += 1
        if self.visits > MOST_PARTS or len(name) > MOST_CHARACTERS // 16:
            raise FormatRefused("The schema is too large or nested too deeply.")
        return str(super().visit(schema, name))  # type: ignore[no-untyped-call]

    def _format_literal(self, literal: str) -> str:
        text = json.dumps(json.loads(literal), ensure_ascii=False)
        for character, escape in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r")):
            text = text.replace(character, escape)
        return f'"{text}"'


def _check(schema: Any) -> None:
    """Raises FormatRefused for what would cost the converter much, or take it out of this schema."""
    parts, todo = 0, [(schema, 0)]
    while todo:
        value, depth = todo.pop()
        parts += 1
        if depth > MOST_NESTING or parts > MOST_PARTS:
            raise FormatRefused("The schema is too large or nested too deeply.")
        if isinstance(value, list):
            todo += [(each, depth + 1) for each in value]
        if not isinstance(value, dict):
            continue
        todo += [(each, depth + 1) for each in value.values()]
        if len(value) > MOST_PROPERTIES or any(len(name) > MOST_NAME for name in value):
            raise FormatRefused("The schema has too many properties, or one with a very long name.")
        reference = value.get("$ref")
        if isinstance(reference, str) and not reference.startswith("#/"):
            raise FormatRefused("The schema refers to something outside itself, or to all of itself.")
        if isinstance(pattern := value.get("pattern"), str):
            _check_pattern(pattern)
        if isinstance(patterns := value.get("patternProperties"), dict):
            for pattern in patterns:
                _check_pattern(pattern)
        for key in ("minLength", "minItems"):
            if isinstance(least := value.get(key), int) and not 0 <= least <= MOST_REPETITIONS:
                raise FormatRefused("The schema asks for too much of something.")


def _check_pattern(pattern: str) -> None:
    """Raises FormatRefused. Nested repetitions multiply."""
    times = [int(number) for pair in _REPETITIONS.findall(pattern) for number in pair if number.isdigit()]
    if len(pattern) > MOST_PATTERN or prod(max(1, number) for number in times) > 10 * MOST_REPETITIONS:
        raise FormatRefused("The schema has a pattern that is too long or repeats too often.")
    check_pattern(pattern)


def _spelled_out(pattern: str) -> str:
    """The same pattern without the short names of classes, which the converter does not know."""

    spelled: list[str] = []
    is_class = False
    for found in re.finditer(r"\\(.)|.", pattern, flags=re.DOTALL):
        is_class = found[0] == "[" or (is_class and found[0] != "]")
        inside = _CLASSES.get(found[1] or "")
        spelled.append(found[0] if inside is None else inside if is_class else f"[{inside}]")
    return "".join(spelled)


def _plain(schema: Any) -> Any:
    """The same schema without what only says something to a reader, and without limits that are none."""
    if schema is True:
        return {}
    if not isinstance(schema, dict):
        raise FormatRefused("The schema holds something that is no schema.")
    return {key: _plain_value(key, value) for key, value in schema.items() if not _says_nothing(key, value)}


def _says_nothing(key: str, value: Any) -> bool:
    is_no_limit = key in ("maxLength", "maxItems") and isinstance(value, int) and value > MOST_REPETITIONS
    return key in _NOTES or is_no_limit


def _plain_value(key: str, value: Any) -> Any:
    if key in ("properties", "$defs", "definitions") and isinstance(value, dict):
        return {name: _plain(each) for name, each in value.items()}
    if key in ("anyOf", "oneOf", "allOf", "prefixItems", "items") and isinstance(value, list):
        return [_plain(each) for each in value]
    if key in ("items", "additionalProperties") and not isinstance(value, bool):
        return _plain(value)
    if key == "pattern":
        return _spelled_out(str(value))
    return {} if key == "items" else value
