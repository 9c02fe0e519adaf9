"""Arrays for PostgreSQL: a statement that takes one for each column is the same for any number of rows."""

import json
from collections.abc import Iterable
from typing import Any

_as_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def array(column: Iterable[Any]) -> str:
    """As PostgreSQL reads it (8.15.2); lists and tuples become JSON. psycopg would ask each element for its
    type, and would take longer to read a statement that grows with its rows than all others of a prompt."""
    return f"{{{','.join(map(_element, column))}}}"


def _element(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int | float):
        return str(value)
    text = _as_json(value) if isinstance(value, list | tuple) else str(value)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
