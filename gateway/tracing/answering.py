"""
A model at work, as a span of the conventions for generative AI: when it was taken from the queue, when its
first token came, what it took and why it ended. Servers that are asked get a `traceparent`, so that their
spans, where they make some, join.
"""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import Generic, TypeVar

from gateway.tracing.facts import (
    EMBEDDINGS,
    INPUT_TOKENS,
    OPERATION,
    PROVIDER,
    REQUEST_MODEL,
    Fact,
    Facts,
    answer_of,
    model_of,
    provider_of,
    request_of,
    server_of,
)
from gateway.tracing.spans import Seen, Tracer
from inference.backends import (
    Answering,
    Backend,
    Embeddings,
    Ending,
    Event,
    Generation,
    ModelCard,
    Status,
)
from inference.routing.table import Server

Text = TypeVar("Text", bound=str)


class SeenBackend(Generic[Text]):
    """`Backend`, watched. `provider` is who answers; empty where that is seen for each try (`attempts`)."""

    def __init__(self, backend: Backend[Text], tracer: Tracer, *, provider: str) -> None:
        self._backend = backend
        self._tracer = tracer
        self._facts: Facts = {PROVIDER: provider_of(provider)} if provider else {}

    async def answer(self, generation: Generation[Text]) -> AsyncGenerator[Event, None]:
        card = self._backend.choose(generation.model)
        facts = {**request_of(generation, card), **self._facts}
        name = f"{facts[OPERATION]} {card.name}"
        with self._tracer.during(name, facts, traceparent=generation.traceparent) as seen:
            asked = replace(generation, traceparent=seen.traceparent)
            heard = Heard(seen, card)
            try:
                async with aclosing(self._backend.answer(asked)) as events:
                    async for event in events:
                        heard.note(event)
                        yield event
            finally:
                heard.tell()

    async def embed(
        self, texts: Sequence[Text], *, model: str, caller: str, request_id: str = "", traceparent: str = ""
    ) -> Embeddings:
        named = model_of(self._backend.choose(model))
        facts: dict[str, Fact] = {OPERATION: EMBEDDINGS, REQUEST_MODEL: named, **self._facts}
        with self._tracer.during(f"embeddings {named}", facts, traceparent=traceparent) as seen:
            made = await self._backend.embed(
                texts, model=model, caller=caller, request_id=request_id, traceparent=seen.traceparent
            )
            seen.say({INPUT_TOKENS: made.prompt_tokens})
            return made

    def choose(self, model: str | None) -> ModelCard:
        return self._backend.choose(model)

    def models(self) -> tuple[tuple[ModelCard, Status], ...]:
        return self._backend.models()

    def status(self) -> Status:
        return self._backend.status()


class Heard:
    """What the events of one answer say of it; not what they say."""

    def __init__(self, seen: Seen, card: ModelCard) -> None:
        self._seen = seen
        self._card = card
        self._endings: dict[int, Ending] = {}
        self._has_begun = False

    def note(self, event: Event) -> None:
        if isinstance(event, Answering):
            self._card = event.card
        elif isinstance(event, Ending):
            self._endings[event.choice] = event
        elif not self._has_begun:
            self._has_begun = True
            self._seen.note("first token")

    def tell(self) -> None:
        facts = answer_of(self._endings, self._card)
        self._seen.say(facts)
        if self._endings:
            queue_ms = min(ending.queue_ms for ending in self._endings.values())
            self._seen.note("taken from the queue", after_ms=queue_ms)


class Attempts:
    """`inference.routing.router.Router.attempt`: one server that is asked, each time that one is."""

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer

    @contextmanager
    def __call__(self, server: Server, traceparent: str) -> Iterator[str]:
        """Within the block, it is asked; yields the `traceparent` that it gets."""
        facts: dict[str, Fact] = {
            PROVIDER: provider_of(server.kind),
            "gateway.server": server_of(server.name),
        }
        name = f"ask {server.name}"
        with self._tracer.during(name, facts, kind="client", traceparent=traceparent) as seen:
            yield seen.traceparent
