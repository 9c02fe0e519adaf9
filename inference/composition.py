"""
This process's model, from the settings: found, identified, and loaded where a server says so.

`InferenceConfig.ready` calls `start`; `prompts.composition` takes `backend()`.
"""

import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from django.conf import settings

from inference import catalogue
from inference.backends import ModelCard, Status
from inference.engine import Engine
from inference.errors import ModelUnavailable, UnknownModel
from inference.local import LocalBackend
from inference.options import EngineOptions, LlamaOptions
from inference.runner import Runner

HEADER_BYTES = 1 << 20
SLOTS = 8
_started: LocalBackend | None = None


class OneModel:
    """The one model of this process."""

    def __init__(self, engine: Engine | None, card: ModelCard, *, reason: str = "") -> None:
        self._engine, self._card, self._reason = engine, card, reason

    def choose(self, model: str | None) -> ModelCard:
        if model is None or model in ("default", self._card.name):
            return self._card
        raise UnknownModel((self._card.name, "default"))

    @asynccontextmanager
    async def lease(self, name: str, *, wait_seconds: float) -> AsyncIterator[Engine]:
        if self._engine is None:
            raise ModelUnavailable(self._reason)
        yield self._engine

    def models(self) -> tuple[tuple[ModelCard, Status], ...]:
        return ((self._card, self._engine.status() if self._engine else Status("down", self._reason)),)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()


def backend() -> LocalBackend:
    """The backend of this process. One that was not started answers nothing and says so."""
    return _started or LocalBackend(
        OneModel(None, model_card(), reason="The model is not started in this process.")
    )


def start() -> None:
    """Begins to load the model on the engine's own thread; returns at once."""
    global _started
    path, card = model_path(), model_card()
    if not path.is_file():
        reason = (
            "The file that LLM_MODEL_PATH names is not there. The operator corrects it."
            if settings.LLM_MODEL_PATH
            else f"The model {card.name} is not downloaded. The operator runs: manage.py download_model"
        )
        _started = LocalBackend(OneModel(None, card, reason=reason))
        return

    def load() -> Runner:
        from inference.llama import LlamaRunner  # only where a model is wanted: it costs memory and time

        options = LlamaOptions(context_tokens=settings.LLM_CONTEXT, threads=threads(), slots=SLOTS)
        return LlamaRunner(path, options=options)

    engine = Engine(
        load,
        EngineOptions(
            places=settings.LLM_QUEUE,
            queue_seconds=settings.LLM_QUEUE_SECONDS,
            timeout_seconds=settings.LLM_TIMEOUT_SECONDS,
        ),
    )
    _started = LocalBackend(OneModel(engine, card))
    engine.start()


def close() -> None:
    """Ends the engine, if there is one."""
    if _started is not None:
        _started.close()


def threads() -> int:
    """LLM_THREADS, or one less than the cores this process may use: llama.cpp's threads spin, and one that
    shares its core with the web side slows both."""
    if settings.LLM_THREADS:
        return int(settings.LLM_THREADS)
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, cores - 1)


def model_path() -> Path:
    """The file that LLM_MODEL_PATH or LLM_NAME means. A name the catalogue does not know is taken for a
    file in the models' folder."""
    if settings.LLM_MODEL_PATH:
        return Path(settings.LLM_MODEL_PATH)
    known = catalogue.find(settings.LLM_NAME)
    return Path(settings.LLM_MODELS_DIR) / (known.file if known else settings.LLM_NAME)


def model_card() -> ModelCard:
    """What identifies the model: the catalogue's checksum, or a fingerprint of the file."""
    path = model_path()
    known = catalogue.find(settings.LLM_NAME) if not settings.LLM_MODEL_PATH else None
    name = known.name if known else path.stem
    return ModelCard(name, known.sha256 if known else fingerprint(path), settings.LLM_CONTEXT)


def fingerprint(path: Path) -> str:
    """Changes whenever the file does, without reading gigabytes: size, time and the first megabyte."""
    try:
        facts = path.stat()
        with path.open("rb") as file:
            head = file.read(HEADER_BYTES)
    except OSError:
        return "missing"
    return hashlib.sha256(f"{facts.st_size}:{facts.st_mtime_ns}:".encode() + head).hexdigest()
