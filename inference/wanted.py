"""
How LLM_MODELS is written: models with options, as an operator types them.

    smollm2-135m:pinned, qwen3-4b:context=8192:slots=4, /models/e5.gguf:kind=embedding:name=e5

Commas between models, colons before options: nothing that a shell, a `.env` or a compose file would take for
its own. A model is a name of the catalogue, a file in the models' folder, or a path; so a path with a comma
or a colon in it needs a link to it. Says nothing about whether there is such a model.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}")
Kind = Literal["chat", "embedding"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One model that shall be served. 0 (and an empty name) leave it to the general settings; `pinned` is
    loaded at the start and stays."""

    source: str
    name: str = ""
    kind: Kind = "chat"
    context: int = 0
    slots: int = 0
    gpu_layers: int | None = None
    pinned: bool = False
    raw: str = field(default="", compare=False)

    def __str__(self) -> str:
        return self.raw or self.source


def parse(raw: str) -> tuple[Wanted, ...]:
    """The models of the list. Raises ValueError with a sentence that quotes the entry."""
    entries = tuple(_entry(part.strip()) for part in raw.split(",") if part.strip())
    seen: set[str] = set()
    for entry in entries:
        if (name := (entry.name or entry.source).lower()) in seen:
            raise ValueError(f"{name} stands there twice")
        seen.add(name)
    return entries


def _entry(raw: str) -> Wanted:
    source, *options = (part.strip() for part in raw.split(":"))
    if not source:
        raise ValueError(f"“{raw}” names no model")
    fields: dict[str, Any] = {}
    for option in options:
        name, sign, value = (part.strip() for part in option.partition("="))
        if name not in OPTIONS:
            raise ValueError(f"“{raw}”: {name or 'an empty option'} is none of {', '.join(OPTIONS)}")
        if name in fields:
            raise ValueError(f"“{raw}” has {name} twice")
        try:
            fields[name] = OPTIONS[name](value if sign else None)
        except ValueError as error:
            raise ValueError(f"“{raw}”: {error}") from None
    return Wanted(source, raw=raw, **fields)


def _whole(least: int, name: str) -> Callable[[str | None], int]:
    def read(value: str | None) -> int:
        if value is None or not re.fullmatch(r"-?\d{1,9}", value) or int(value) < least:
            raise ValueError(f"{name} needs a whole number of {least} or more, as in {name}=8")
        return int(value)

    return read


def _kind(value: str | None) -> str:
    if value not in ("chat", "embedding"):
        raise ValueError("kind is chat or embedding")
    return value


def _name(value: str | None) -> str:
    if value is None or not NAME.fullmatch(value):
        raise ValueError("name needs letters, digits and . _ / - only, as in name=e5")
    return value


def _flag(value: str | None) -> bool:
    if value not in (None, "true", "false"):
        raise ValueError("pinned stands alone")
    return value != "false"


OPTIONS: dict[str, Callable[[str | None], Any]] = {
    "pinned": _flag,
    "name": _name,
    "kind": _kind,
    "context": _whole(1, "context"),
    "slots": _whole(1, "slots"),
    "gpu_layers": _whole(-1, "gpu_layers"),
}
