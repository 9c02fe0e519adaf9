"""
Stand-ins that implement our protocols, for tests that need no model and no database.

    Parrot      a Backend that remembers what it heard and says what it is told to
    ScriptedRunner   a Runner without a model: it spells an answer
    Notebook    a Journal in a list
    Shelf       an AnswerCache in a dict
    house_of    a House of these, around the real chain
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.cache import cache as store

from inference.backends import Embeddings, Ending, Generation, ModelCard, Piece, Status
from inference.errors import UnknownModel
from prompts.cache import AnswerCache, CachedAnswer, NoCache
from prompts.conversations import Conversations
from prompts.errors import JournalUnavailable
from prompts.journal import Entry, Outcome, Result
from prompts.work import House
from sanitization.chain import Chain
from sanitization.policies import Policy


class Parrot:
    """Says `words` (or what `reply` makes of the last message), in pieces of `cut` characters."""

    def __init__(
        self,
        words: str | Sequence[str] | None = None,
        *,
        cut: int = 3,
        error: Exception | None = None,
        pause_seconds: float = 0,
        reply: Callable[[str], str] = lambda heard: heard,
    ) -> None:
        self.words = words
        self.cut = cut
        self.error = error
        self.pause_seconds = pause_seconds
        self.reply = reply
        self.heard: list[str] = []
        self.generations: list[Generation[str]] = []
        self.closed_early = 0
        self.running = 0

    async def answer(self, generation: Generation[str]) -> AsyncGenerator[Piece | Ending, None]:
        self.generations.append(generation)
        self.heard += [message.content for message in generation.messages]
        self.running += 1
        finished = False
        try:
            pieces = self._pieces(generation.messages[-1].content)
            for piece in pieces:
                await asyncio.sleep(self.pause_seconds)
                yield Piece(piece)
            if self.error is not None:
                raise self.error
            finished = True
            yield Ending("stop", 7, len(pieces), queue_ms=0.5, first_token_ms=1.0)
        finally:
            self.running -= 1
            self.closed_early += not finished

    def _pieces(self, heard: str) -> Sequence[str]:
        if self.words is not None and not isinstance(self.words, str):
            return self.words
        text = self.words if self.words is not None else self.reply(heard)
        return [text[at : at + self.cut] for at in range(0, len(text), self.cut)]

    def choose(self, model: str | None) -> ModelCard:
        if model not in (None, "parrot"):
            raise UnknownModel(("parrot",))
        return ModelCard("parrot", "1", 2048)

    async def embed(self, texts: Sequence[str], *, model: str, caller: str) -> Embeddings:
        self.heard += texts
        return Embeddings(tuple((float(len(text)), 0.0) for text in texts), sum(map(len, texts)))

    def models(self) -> tuple[tuple[ModelCard, Status], ...]:
        return ((self.choose(None), self.status()),)

    def status(self) -> Status:
        return Status("ready")


class ScriptedRunner:
    """A model that spells `script`, a byte a token, after any prompt; a token of text is one byte too.

    `before_step` runs before each decode and may raise, wait, or look at `held`.
    """

    END = 256

    def __init__(
        self,
        script: str = "hello",
        *,
        context_tokens: int = 2048,
        before_step: Callable[["ScriptedRunner"], None] = lambda runner: None,
    ) -> None:
        self.script = [*script.encode(), self.END]
        self.context_tokens = context_tokens
        self.before_step = before_step
        self.held: list[int] = []
        self.steps: list[int] = []
        self.spoken = 0
        self.is_closed = False

    def tokens_of(self, messages: Sequence[Any]) -> list[int]:
        return list("".join(f"{message.role}:{message.content};" for message in messages).encode())

    def keep(self, count: int) -> int:
        self.held = self.held[:count]
        return len(self.held)

    def decode(self, tokens: Sequence[int]) -> None:
        self.before_step(self)
        self.steps.append(len(tokens))
        self.held += tokens

    def begin(self, sampling: Any) -> None:
        self.spoken = 0

    def sample(self) -> int:
        token = self.script[self.spoken]
        self.spoken += 1
        return token

    def is_end(self, token: int) -> bool:
        return token == self.END

    def piece(self, token: int) -> bytes:
        return bytes([token])

    def close(self) -> None:
        self.is_closed = True


class Notebook:
    """Keeps entries and results in order; `is_away` makes it refuse."""

    def __init__(self) -> None:
        self.entries: dict[UUID, Entry] = {}
        self.results: dict[UUID, list[Result]] = {}
        self.is_away = False
        self.is_open = True

    async def accept(self, entry: Entry) -> None:
        if self.is_away:
            raise JournalUnavailable
        self.entries[entry.id] = entry

    def finish(self, id: UUID, result: Result) -> "asyncio.Future[None]":
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        if self.is_away:
            settled.set_exception(JournalUnavailable())
        else:
            self.results.setdefault(id, []).append(result)
            settled.set_result(None)
        return settled

    @property
    def outcomes(self) -> list[Outcome]:
        return [result.outcome for results in self.results.values() for result in results]

    def everything(self) -> str:
        """All that was written, as text to search in."""
        return repr([self.entries, self.results])


class Shelf:
    """An answer cache in a dict."""

    def __init__(self) -> None:
        self.kept: dict[str, CachedAnswer] = {}

    async def get(self, key: str) -> CachedAnswer | None:
        return self.kept.get(key)

    async def put(self, key: str, answer: CachedAnswer) -> None:
        self.kept[key] = answer


def house_of(
    backend: Any = None,
    *,
    journal: Any = None,
    cache: AnswerCache | None = None,
    policy: Policy | None = None,
    chain: Chain | None = None,
    conversations: Conversations | None = None,
) -> House:
    """The real chain and pipeline around fakes."""
    chosen = policy or Policy.build()

    async def policy_of(ask: Any) -> Policy:
        return chosen

    return House(
        chain=chain or Chain.from_paths(settings.SANITIZATION_FILTERS),
        policy_of=policy_of,
        backend=backend or Parrot(),
        journal=journal or Notebook(),
        cache=cache or NoCache(),
        conversations=conversations or Conversations(store, secret=b"tests" * 10, keep_seconds=60),
    )
