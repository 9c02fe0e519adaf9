"""Arrays for PostgreSQL: a statement that takes one for each column is the same for any number of rows."""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def array(column: Iterable[Any]) -> str:
    """As PostgreSQL reads it (8.15.2). psycopg would ask each element for its
    type, and would take longer to read a statement that grows with its rows than all others of a prompt."""
    return "{" + ",".join([_WRITERS.get(type(value), _other)(value) for value in column]) + "}"


def text(value: Any) -> str | None:
    """One value that is no element, likewise."""
    if value is None:
        return None
    return as_json(value) if isinstance(value, list | tuple) else str(value)


def _quoted(text: str) -> str:
    if "\\" in text:
        text = text.replace("\\", "\\\\")
    if '"' in text:
        text = text.replace('"', '\\"')
    return f'"{text}"'


def _other(value: Any) -> str:
    return _quoted(str(value))


_WRITERS: dict[type, Callable[[Any], str]] = {
    str: _quoted,
    int: str,
    type(None): lambda value: "NULL",
    UUID: lambda id: f'"{id.int:032x}"',
    datetime: lambda at: f'"{at}"',
}
