"""
Stand-ins that implement our protocols, for tests that need no model and no database.

    Parrot      a Backend that remembers what it heard and says what it is told to
    ScriptedRunner   a Runner without a model: it spells an answer
    Notebook    a Journal in a list
    Shelf       an AnswerCache in a dict
    house_of    a House of these, around the real chain
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.cache import cache as store

from accounts.limits.limiter import limiter
from inference.backends import (
    AsidePiece,
    CallPiece,
    Embeddings,
    Ending,
    FinishReason,
    Format,
    Generation,
    Message,
    ModelCard,
    Piece,
    Sampling,
    Status,
    TokenLogprob,
    Tool,
    ToolUse,
)
from inference.errors import FormatRefused, UnknownModel
from inference.runner import OutOfCells, Row
from inference.tools.notations import HERMES
from inference.tools.words import in_words
from prompts.caching.answers import AnswerCache, CachedAnswer, NoCache
from prompts.conversations import Conversations
from prompts.errors import JournalUnavailable
from prompts.house import House
from prompts.journal import Entry, JournalState, Outcome, Result
from sanitization.chain import Chain
from sanitization.policies import Policy


class Parrot:
    """Says `words` (or what `reply` makes of the last message, or of the raw text), in pieces of `cut`
    characters; words that are pieces already, calls of tools among them, as they are. Of several choices,
    each says the same in turns, with its number behind it."""

    def __init__(
        self,
        words: str | Sequence[str | Piece | CallPiece | AsidePiece] | None = None,
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

    async def answer(
        self, generation: Generation[str]
    ) -> AsyncGenerator[Piece | CallPiece | AsidePiece | Ending, None]:
        self.generations.append(generation)
        heard = [message.content for message in generation.messages]
        heard += [] if generation.text is None else [generation.text]
        self.heard += heard
        self.running += 1
        finished = False
        try:
            pieces = self._pieces(heard[-1])
            for piece in pieces:
                await asyncio.sleep(self.pause_seconds)
                for choice in range(generation.choices):
                    yield Piece(piece, choice) if isinstance(piece, str) else replace(piece, choice=choice)
            if self.error is not None:
                raise self.error
            for choice in range(generation.choices):
                if choice:
                    yield Piece(f" {choice}", choice)
                finished = choice + 1 == generation.choices
                is_call = any(isinstance(piece, CallPiece) for piece in pieces)
                reason: FinishReason = "tool_calls" if is_call else "stop"
                yield Ending(reason, 7, len(pieces), 0.5, first_token_ms=1.0, choice=choice, cached_tokens=2)
        finally:
            self.running -= 1
            self.closed_early += not finished

    def _pieces(self, heard: str) -> Sequence[str | Piece | CallPiece | AsidePiece]:
        if self.words is not None and not isinstance(self.words, str):
            return self.words
        text = self.words if self.words is not None else self.reply(heard)
        return [text[at : at + self.cut] for at in range(0, len(text), self.cut)]

    def choose(self, model: str | None) -> ModelCard:
        if model not in (None, "parrot"):
            raise UnknownModel(("parrot",))
        return ModelCard("parrot", "1", 2048)

    async def embed(
        self, texts: Sequence[str], *, model: str, caller: str, request_id: str = "", traceparent: str = ""
    ) -> Embeddings:
        self.heard += texts
        return Embeddings(tuple((float(len(text)), 0.0) for text in texts), sum(map(len, texts)))

    def models(self) -> tuple[tuple[ModelCard, Status], ...]:
        return ((self.choose(None), self.status()),)

    def status(self) -> Status:
        return Status("ready")


class ScriptedRunner:
    """A model that spells `script`, a byte a token, after any prompt; a token of text is one byte too.

    It is strict: a step that llama.cpp would refuse fails the test, and so does reading an output that does
    not come after the sampler's own prompt and choices. `before_step` runs before each step and may raise,
    wait, or look at `held`. `cells` limits what all slots hold together. `steps` records the rows of each
    step, `copies` each copy as (source, target, count).
    """

    END = 256

    def __init__(
        self,
        script: str = "hello",
        *,
        slots: int = 4,
        context_tokens: int = 2048,
        step_tokens: int = 64,
        cells: int | None = None,
        can_cut: bool = True,
        copy_seconds: float = 0.0,
        look_tokens: float = 0.0,
        embedding_size: int = 0,
        before_step: Callable[["ScriptedRunner"], None] = lambda runner: None,
    ) -> None:
        self.script = [*script.encode(), self.END]
        self.slots = slots
        self.context_tokens = context_tokens
        self.kv_tokens = slots * context_tokens if cells is None else cells
        self.step_tokens = step_tokens
        self.can_cut = can_cut
        self.copy_seconds = copy_seconds
        self.look_tokens = look_tokens
        self.embedding_size = embedding_size
        self.before_step = before_step
        self.notation = HERMES
        self.held: list[list[int]] = [[] for _ in range(slots)]
        self.steps: list[list[Row]] = []
        self.copies: list[tuple[int, int, int]] = []
        self.seen: list[list[int]] = []  # what was held at each output of the last step
        self.open_samplers = 0
        self.is_closed = False

    def tokens_of(
        self,
        messages: Sequence[Message[str]],
        tools: Sequence[Tool[str]] = (),
        use: ToolUse[str] | None = None,
    ) -> list[int]:
        said = in_words(messages, tools, use or ToolUse(), self.notation)
        return list("".join(f"{message.role}:{message.content};" for message in said).encode())

    def tokens_of_text(self, text: str) -> list[int]:
        return list(text.encode("utf-8", "replace"))

    def cut(self, slot: int, count: int) -> int:
        if count < len(self.held[slot]):
            self.held[slot] = self.held[slot][: count if self.can_cut else 0]
        return len(self.held[slot])

    def copy(self, source: int, target: int, count: int) -> int:
        if source == target:
            return self.cut(source, count)
        self.copies.append((source, target, count))
        self.held[target] = self.held[source][:]
        return self.cut(target, count)

    def step(self, rows: Sequence[Row]) -> None:
        self.seen = []
        try:
            self.before_step(self)
            slots = [row.slot for row in rows]
            assert slots == sorted(set(slots)), "slots ascend, each once"
            assert all(0 <= row.outputs <= len(row.tokens) > 0 for row in rows)
            assert 0 < sum(len(row.tokens) for row in rows) <= self.step_tokens
            longest = max(len(self.held[row.slot]) + len(row.tokens) for row in rows)
            assert longest <= self.context_tokens, "a slot holds no more than the context"
        except OutOfCells:
            raise
        except BaseException:
            for row in rows:
                self.held[row.slot] = []
            raise
        if sum(map(len, self.held)) + sum(len(row.tokens) for row in rows) > self.kv_tokens:
            raise OutOfCells
        self.steps.append(list(rows))
        for row in rows:
            held = self.held[row.slot]
            held += row.tokens
            self.seen += [held[:at] for at in range(len(held) - row.outputs + 1, len(held) + 1)]

    def compile(self, format: Format[str]) -> str:
        if format.kind == "json_object":
            return 'root ::= "{}"'
        if format.kind == "json_schema":
            try:
                json.loads(format.text or "")
            except ValueError:
                raise FormatRefused("The schema is no JSON.") from None
            return 'root ::= "{}"'
        if "root ::=" not in (format.text or ""):
            raise FormatRefused("The grammar cannot be read.")
        return format.text or ""

    def sampler(self, sampling: Sampling, grammar: str, prompt: Sequence[int]) -> "ScriptedSampler":
        if grammar and "::=" not in grammar:
            raise FormatRefused("The grammar cannot be read.")
        self.open_samplers += 1
        return ScriptedSampler(self, sampling, prompt)

    def logprobs(self, output: int, token: int, *, top: int) -> TokenLogprob:
        alternatives = [TokenLogprob(self.piece(other), -0.1 - other) for other in range(top)]
        return TokenLogprob(self.piece(token), -0.1, tuple(alternatives))

    def embed(self, texts: Sequence[Sequence[int]]) -> list[tuple[float, ...]]:
        assert self.embedding_size > 0
        assert len(texts) <= self.slots
        assert sum(map(len, texts)) <= self.step_tokens
        self.held = [[] for _ in range(self.slots)]
        return [(1.0,) + (0.0,) * (self.embedding_size - 1) for _ in texts]

    def is_end(self, token: int) -> bool:
        return token == self.END

    def piece(self, token: int) -> bytes:
        return b"" if token == self.END else bytes([token])

    def save(self, slot: int, path: Path, tokens: Sequence[int]) -> None:
        assert self.held[slot] == list(tokens)
        path.touch(mode=0o600)
        path.write_text(json.dumps(list(tokens)))

    def restore(self, slot: int, path: Path) -> list[int]:
        self.held[slot] = []
        try:
            self.held[slot] = [int(token) for token in json.loads(path.read_text())]
        except (OSError, ValueError, TypeError):
            return []
        return self.held[slot][:]

    def close(self) -> None:
        self.is_closed = True


class ScriptedSampler:
    """Spells the script from its beginning; with `ignore_eos`, again and again."""

    def __init__(self, runner: ScriptedRunner, sampling: Sampling, prompt: Sequence[int]) -> None:
        self.sampling = sampling
        self.chosen: list[int] = []
        self._runner = runner
        self._prompt = list(prompt)
        self._script = runner.script[:-1] if sampling.ignore_eos else runner.script
        self._is_open = True

    def choose(self, output: int) -> int:
        assert self._is_open
        heard = self._prompt + self.chosen
        assert self._runner.seen[output][-len(heard) :] == heard, "an output of something else"
        token = self._script[len(self.chosen) % len(self._script)]
        self.chosen.append(token)
        return token

    def close(self) -> None:
        self._runner.open_samplers -= self._is_open
        self._is_open = False


class Notebook:
    """Keeps entries and results in order; `is_away` makes it refuse."""

    def __init__(self) -> None:
        self.entries: dict[UUID, Entry] = {}
        self.results: dict[UUID, list[Result]] = {}
        self.is_away = False
        self.is_open = True
        self.standing = JournalState()

    def state(self) -> JournalState:
        return self.standing

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
    limits: Any = None,
    listener: Any = None,
    **more: Any,
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
        limits=limits or limiter(),
        listener=listener,
        **more,
    )
