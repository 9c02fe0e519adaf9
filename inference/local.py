"""The local model as a `Backend`: from the engine's thread to the event loop and back."""

import asyncio
from collections.abc import AsyncGenerator, Sequence

from inference.backends import Embeddings, Ending, Generation, ModelCard, Piece, Status
from inference.engine import Engine
from inference.errors import ModelUnavailable, UnknownModel

DEFAULT = "default"


class LocalBackend:
    """Answers with the engine of this process; without one, says why in `reason`."""

    def __init__(self, engine: Engine | None, card: ModelCard, *, reason: str = "") -> None:
        self._engine = engine
        self._card = card
        self._reason = reason

    async def answer(self, generation: Generation[str]) -> AsyncGenerator[Piece | Ending, None]:
        if self._engine is None:
            raise ModelUnavailable(self._reason)
        loop = asyncio.get_running_loop()
        # Never more than max_tokens pieces: the engine need not wait for a slow reader.
        events: asyncio.Queue[Piece | Ending | Exception] = asyncio.Queue()

        def deliver(event: Piece | Ending | Exception) -> None:
            loop.call_soon_threadsafe(events.put_nowait, event)

        job = self._engine.submit(generation, deliver)
        try:
            while True:
                event = await events.get()
                if isinstance(event, Exception):
                    raise event
                yield event
                if isinstance(event, Ending):
                    return
        finally:
            self._engine.cancel(job)

    async def embed(self, texts: Sequence[str], *, model: str, caller: str) -> Embeddings:
        raise UnknownModel(())  # the local model is no embedding model

    def choose(self, model: str | None) -> ModelCard:
        if model is None or model in (DEFAULT, self._card.name):
            return self._card
        raise UnknownModel((self._card.name, DEFAULT))

    def models(self) -> tuple[tuple[ModelCard, Status], ...]:
        return ((self._card, self.status()),)

    def status(self) -> Status:
        return self._engine.status() if self._engine else Status("down", self._reason)

    def close(self) -> None:
        if self._engine is not None:
            self._engine.close()
