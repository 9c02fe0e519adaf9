"""
Which models this service serves, from the settings: the default first, then those of LLM_MODELS.

LLM_NAME (or LLM_MODEL_PATH) is the default; where LLM_MODELS names the same one, it only gives it options.
Finds files and names them; loads nothing.
"""

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from inference import catalogue
from inference.backends import ModelCard
from inference.gguf import Damaged, read_header
from inference.wanted import Wanted

HEADER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Served:
    """One model: how it was asked for, its file, and the catalogue's entry if it has one. `variable` is the
    one that names it."""

    wanted: Wanted
    path: Path
    known: catalogue.Model | None
    variable: str
    pinned: bool

    @property
    def name(self) -> str:
        """What callers call it."""
        return self.wanted.name or (self.known.name if self.known else self.path.stem)

    @property
    def aliases(self) -> tuple[str, ...]:
        """What else they may call it."""
        if self.known is None:
            return (self.path.name, self.path.stem)
        return (self.known.name, self.known.file, self.known.repository, *self.known.aliases)

    @property
    def context_tokens(self) -> int:
        """Tokens of prompt and answer together: as configured, or what the model was made for if less."""
        asked = self.wanted.context or int(settings.LLM_CONTEXT)
        made_for = self.known.context_tokens if self.known else context_of(self.path)
        return min(asked, made_for) if made_for else asked

    @property
    def lacks(self) -> str:
        """Why it cannot be loaded, in a sentence without a path; empty if its file can be read."""
        if os.path.isfile(self.path) and os.access(self.path, os.R_OK):
            return ""
        if self.known is not None:
            which = "" if self.variable == "LLM_NAME" else f" {self.known.name}"
            return (
                f"The model {self.name} is not downloaded. The operator runs: manage.py download_model{which}"
            )
        return (
            f"The file that {self.variable} names for {self.name} is not there, or may not be read. "
            "The operator corrects it."
        )

    @property
    def size_bytes(self) -> int:
        """Of its file; 0 if it is not there."""
        try:
            return self.path.stat().st_size
        except OSError:
            return 0

    def card(self) -> ModelCard:
        """What identifies it: the catalogue's checksum, or a fingerprint of the file."""
        revision = self.known.sha256 if self.known else fingerprint(self.path)
        return ModelCard(self.name, revision, self.context_tokens, self.wanted.kind)


def served() -> tuple[Served, ...]:
    """Every model that can be asked for."""
    variable = "LLM_MODEL_PATH" if settings.LLM_MODEL_PATH else "LLM_NAME"
    main = Wanted(settings.LLM_MODEL_PATH or settings.LLM_NAME)
    where = find(main, is_path=bool(settings.LLM_MODEL_PATH))
    # Several entries for one file are several models; one without a name of its own is the default's.
    options = next((each for each in settings.LLM_MODELS if find(each) == where and not each.name), None)
    default = _served(options or main, variable, pinned=options.pinned if options else True, at=where)
    others = [each for each in settings.LLM_MODELS if each is not options]
    return (default, *(_served(each, "LLM_MODELS", pinned=each.pinned, at=find(each)) for each in others))


def one(source: str) -> Served:
    """A model by any name or path, served or not, with the general settings."""
    wanted = Wanted(source)
    for each in served():
        if source.lower() in {name.lower() for name in (each.name, *each.aliases)}:
            return each
    return _served(wanted, "LLM_MODELS", pinned=False, at=find(wanted))


def _served(wanted: Wanted, variable: str, *, pinned: bool, at: Path) -> Served:
    known = None if variable == "LLM_MODEL_PATH" else catalogue.find(wanted.source)
    return Served(wanted, at, known, variable, pinned)


def find(wanted: Wanted, *, is_path: bool = False) -> Path:
    """The file of a name of the catalogue; a path; or a file in the models' folder."""
    source = Path(wanted.source).expanduser()
    if is_path:
        return source
    if (known := catalogue.find(wanted.source)) is not None:
        return Path(settings.LLM_MODELS_DIR) / known.file
    return source if len(source.parts) > 1 else Path(settings.LLM_MODELS_DIR) / source


def context_of(path: Path) -> int:
    """What the file says that the model was made for; 0 where it does not say."""
    try:
        facts = path.stat()
    except OSError:
        return 0
    return _context_of(path, facts.st_size, facts.st_mtime_ns)


@lru_cache(maxsize=64)  # a header holds a whole vocabulary
def _context_of(path: Path, size: int, changed_ns: int) -> int:
    try:
        return read_header(path).number("context_length")
    except (OSError, Damaged):
        return 0


def fingerprint(path: Path) -> str:
    """Changes whenever the file does, without reading gigabytes: size, time and the first megabyte."""
    try:
        facts = path.stat()
        with path.open("rb") as file:
            head = file.read(HEADER_BYTES)
    except OSError:
        return "missing"
    return hashlib.sha256(f"{facts.st_size}:{facts.st_mtime_ns}:".encode() + head).hexdigest()
