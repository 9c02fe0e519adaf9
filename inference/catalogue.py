"""
The models this service knows by name, from `catalogue.toml`.

A name is looked up without regard to case, and a model's file name and repository are names of it too: the
service that this one succeeds named its model so.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

FILE = Path(__file__).with_name("catalogue.toml")


@dataclass(frozen=True, slots=True)
class Model:
    """One catalogue entry.

    `source` says where it comes from: a `package` on the package index (with the `member` of its wheel), a
    Hugging Face `repository`, a `url`, or a local `path`. `size_bytes` is None where it is not known.
    """

    name: str
    description: str
    licence: str
    context_tokens: int
    source: Literal["package", "huggingface", "url", "path"]
    file: str
    sha256: str
    size_bytes: int | None = None
    package: str = ""
    member: str = ""
    repository: str = ""
    url: str = ""
    path: str = ""
    aliases: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """Where it comes from, for people."""
        return self.package or self.repository or self.url or self.path


@cache
def models() -> tuple[Model, ...]:
    """Every model, in the file's order: small ones first."""
    return tuple(_entry(fields) for fields in tomllib.loads(FILE.read_text(encoding="utf-8"))["model"])


def _entry(fields: dict[str, Any]) -> Model:
    return Model(**{**fields, "aliases": tuple(fields.get("aliases", ()))})


def find(name: str) -> Model | None:
    """The model of that name, alias, file name or repository; None if there is none."""
    wanted = name.strip().lower()
    for model in models():
        known = (model.name, model.file, model.repository, *model.aliases)
        if wanted and wanted in {each.lower() for each in known}:
            return model
    return None
