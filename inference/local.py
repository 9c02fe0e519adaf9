"""
The local models as a `Backend`: from the event loop to an engine's thread and back.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Protocol

from inference.backends import (
    MEDIA_FIELDS,
    CallPiece,
    Embeddings,
    Ending,
    Generation,
    ModelCard,
    Piece,
    Status,
)
from inference.engine import Engine, Prepared
from inference.errors import ParameterUnsupported, UnknownModel
from inference.jobs import Job
from inference.speaking import Event
from inference.tools.parser import CallParser
from inference.unchecked import Unchecked

# Longer texts are turned into tokens in a thread, so that the streams of other callers go on meanwhile.
INLINE_CHARS = 8_000
# A caller's texts for an embedding model that wait at the same time.
AT_ONCE = 8
# Fields of a generation that no local model can be told.
UNKNOWN = ("reasoning_effort", "verbosity")


class Engines(Protocol):
    """The models of this process; `inference.roster.Roster` in production."""

    def choose(self, model: str | None) -> ModelCard:
        """The card of a name; None is the default. Raises UnknownModel."""
        ...

    def lease(self, name: str, *, wait_seconds: float) -> AbstractAsyncContextManager[Engine]:
        """The engine of a model, loaded, and not unloaded until the block is left. Raises ModelLoading and
        ModelUnavailable."""
        ...

    def models(self) -> tuple[tuple[ModelCard, Status], ...]: ...

    def close(self) -> None: ...


class Mailbox:
    """Events from an engine's thread, for one task of the event loop that makes it. The loop is woken once
    for all events that come before it looks: waking it costs more than carrying them."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._events: deque[Event] = deque()
        self._woken = asyncio.Event()
        self._is_waking = False

    def deliver(self, event: Event) -> None:
        """From any thread. Raises RuntimeError if the loop is closed."""
        self._events.append(event)
        if not self._is_waking:
            self._is_waking = True
            self._loop.call_soon_threadsafe(self._woken.set)

    async def take(self) -> list[Event]:
        """All that came, at least one; pieces of one choice that follow each other are joined."""
        while not self._events:
            await self._woken.wait()
            self._woken.clear()
            self._is_waking = False  # before looking: what comes after the look wakes again
        taken: list[Event] = []
        while self._events:
            event = self._events.popleft()
            before = taken[-1] if taken else None
            if isinstance(event, Piece) and isinstance(before, Piece) and before.choice == event.choice:
                event = before.and_then(event)
                taken.pop()
            taken.append(event)
        return taken


class LocalBackend:
    """Answers with the models of this process. A model that is loading is waited for `wait_seconds`."""

    def __init__(self, engines: Engines, *, wait_seconds: float = 0.0) -> None:
        self._engines = engines
        self._wait_seconds = wait_seconds

    async def answer(self, generation: Generation[str]) -> AsyncGenerator[Piece | CallPiece | Ending, None]:
        if self.choose(generation.model).kind != "chat":
            raise UnknownModel(tuple(card.name for card, _ in self._engines.models() if card.kind == "chat"))
        unknown = [name for name in UNKNOWN if getattr(generation, name) is not None]
        if unknown := [*unknown, *sorted(MEDIA_FIELDS[kind] for kind in generation.media_kinds)]:
            raise ParameterUnsupported(tuple(unknown))
        came_at, patience = time.monotonic(), generation.deadline_seconds
        wait_seconds = self._wait_seconds if patience is None else min(self._wait_seconds, patience)
        async with self._engines.lease(generation.model, wait_seconds=wait_seconds) as engine:
            if generation.choices > engine.options.places:  # there is never room for all of them in the line
                raise ParameterUnsupported(("n",))
            prepared = await self._prepare(engine, generation)
            if patience is not None:  # some of it went while the model loaded
                left = max(0.0, patience - (time.monotonic() - came_at))
                generation = replace(generation, deadline_seconds=left)
            mailbox = Mailbox()
            jobs: list[Job] = []
            answers = [Hearing(generation, prepared, choice) for choice in range(generation.choices)]
            try:
                for choice in range(generation.choices):
                    jobs.append(engine.submit(generation, prepared, mailbox.deliver, choice=choice))
                left = len(jobs)
                while left:
                    for event in await mailbox.take():
                        if isinstance(event, Exception):
                            raise event
                        if isinstance(event, Piece):
                            for heard in answers[event.choice].hear(event):
                                yield heard
                        elif isinstance(event, Ending):
                            left -= 1
                            for last in await answers[event.choice].end(event):
                                yield last
            finally:
                for job in jobs:
                    engine.cancel(job)

    @staticmethod
    async def _prepare(engine: Engine, generation: Generation[str]) -> Prepared:
        if generation.prompt_chars > INLINE_CHARS or generation.format is not None or generation.tools:
            return await asyncio.to_thread(engine.prepare, generation)
        return engine.prepare(generation)

    async def embed(
        self, texts: Sequence[str], *, model: str, caller: str, request_id: str = "", traceparent: str = ""
    ) -> Embeddings:
        if self.choose(model).kind != "embedding":
            raise UnknownModel(
                tuple(card.name for card, _ in self._engines.models() if card.kind == "embedding")
            )
        async with self._engines.lease(model, wait_seconds=self._wait_seconds) as engine:
            prompts = await asyncio.to_thread(lambda: [engine.prepare_embedding(text) for text in texts])
            vectors: list[tuple[float, ...]] = []
            for at in range(0, len(prompts), AT_ONCE):
                vectors += await self._embed(engine, prompts[at : at + AT_ONCE], caller)
            return Embeddings(tuple(vectors), sum(map(len, prompts)))

    @staticmethod
    async def _embed(engine: Engine, prompts: Sequence[list[int]], caller: str) -> list[tuple[float, ...]]:
        mailboxes = [Mailbox() for _ in prompts]
        jobs: list[Job] = []
        vectors: list[tuple[float, ...]] = []
        try:
            for tokens, mailbox in zip(prompts, mailboxes, strict=True):
                jobs.append(engine.submit_embedding(tokens, mailbox.deliver, caller=caller))
            for mailbox in mailboxes:
                (event,) = await mailbox.take()
                if isinstance(event, Exception):
                    raise event
                assert isinstance(event, Embeddings)
                vectors += event.vectors
        finally:
            for job in jobs:
                engine.cancel(job)
        return vectors

    def choose(self, model: str | None) -> ModelCard:
        return self._engines.choose(model)

    def models(self) -> tuple[tuple[ModelCard, Status], ...]:
        return self._engines.models()

    def status(self) -> Status:
        return self.models()[0][1]

    def close(self) -> None:
        self._engines.close()


class Hearing:
    """What comes of one answer: calls of tools are found in it, and its format is looked at."""

    def __init__(self, generation: Generation[str], prepared: Prepared, choice: int) -> None:
        self._unchecked = Unchecked(generation.format)
        self._parser: CallParser | None = None
        if names := frozenset(tool.name for tool in generation.tools):
            is_parallel = generation.tool_use.is_parallel
            self._parser = CallParser(prepared.notation, names, choice=choice, is_parallel=is_parallel)

    def hear(self, piece: Piece) -> Sequence[Piece | CallPiece]:
        if self._parser is None:
            self._unchecked.add(piece.text)
            return (piece,)
        tokens = (replace(piece, text=""),) if piece.logprobs else ()
        return (*tokens, *self._noted(self._parser.feed(piece.text)))

    async def end(self, ending: Ending) -> Sequence[Piece | CallPiece | Ending]:
        """The rest. Raises AnswerUnfit."""
        rest = self._noted(self._parser.finish()) if self._parser else ()
        if self._parser is not None and self._parser.called:
            reason = "tool_calls" if ending.finish_reason == "stop" else ending.finish_reason
            return (*rest, replace(ending, finish_reason=reason))
        await self._unchecked.check(ending)
        return (*rest, ending)

    def _noted(self, events: Sequence[Piece | CallPiece]) -> Sequence[Piece | CallPiece]:
        for event in events:
            if isinstance(event, Piece):
                self._unchecked.add(event.text)
        return events
