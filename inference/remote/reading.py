"""
The events of a server's answer become pieces and endings.

A server may be broken or lie: a choice that nobody asked for, a text behind the end, tokens that cannot be.
What cannot be trusted is refused (`Malformed`) or, where only numbers are wrong, estimated. One that does not
stream, though it was asked to, is read too: its answer is one event.
"""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from inference.backends import (
    AsideKind,
    AsidePiece,
    CallPiece,
    Embeddings,
    Ending,
    FinishReason,
    Generation,
    Piece,
    TokenLogprob,
)
from inference.errors import CallUnfit
from inference.remote.calls import Calls
from inference.remote.characters import Characters
from inference.remote.sse import Malformed

DONE = "[DONE]"
# As servers write them. Whether an answer ends for its calls is seen by the calls: some say `stop` then, and
# some `tool_calls` where there are none.
REASONS: dict[str, FinishReason] = {
    **dict.fromkeys(("stop", "eos", "stop_sequence", "end_turn", "tool_calls", "function_call"), "stop"),
    **dict.fromkeys(("length", "max_tokens"), "length"),
    "content_filter": "content_filter",
}
# What a chat template may add: its own words, and some for each message.
TEMPLATE_TOKENS, MESSAGE_TOKENS, TOOL_TOKENS = 512, 64, 64
CHARS_PER_TOKEN = 4  # of English, with the vocabularies of today's models


def tokens_in(chars: int) -> int:
    """An estimate of the tokens that so many characters make."""
    return -(-chars // CHARS_PER_TOKEN)


Said = Piece | CallPiece | AsidePiece
# What could be read, and what was wrong behind it.
Reading = tuple[list[Said], Malformed | CallUnfit | None]


@dataclass(slots=True)
class Choice:
    """One of the answers so far."""

    calls: Calls
    chars: int = 0
    characters: Characters = field(default_factory=Characters)
    beside: dict[AsideKind, Characters] = field(default_factory=dict)
    reason: FinishReason | None = None

    @property
    def finish_reason(self) -> FinishReason:
        reason = self.reason or "stop"
        return "tool_calls" if reason == "stop" and self.calls.count else reason


@dataclass(frozen=True, slots=True)
class Counted:
    """Tokens of the whole request, and whether the server's own numbers were to be believed."""

    prompt: int
    completion: int
    cached: int
    is_believed: bool


@dataclass(slots=True)
class Answer:
    """One streamed answer to `generation`. `is_done` is True once the server says so."""

    generation: Generation[str]
    choices: list[Choice] = field(init=False)
    usage: Any = None
    is_done: bool = False

    def __post_init__(self) -> None:
        names = [tool.name for tool in self.generation.tools]
        is_parallel = self.generation.tool_use.is_parallel
        self.choices = [
            Choice(Calls(names, choice=number, is_parallel=is_parallel))
            for number in range(self.generation.choices)
        ]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing, should the stream end here."""
        return self.is_done or all(choice.reason is not None for choice in self.choices)

    def read(self, data: str) -> list[Said]:
        """The pieces in one event. Raises Malformed and CallUnfit."""
        if data == DONE:
            self.is_done = True
            return []
        return self._events(parsed(data), "delta")

    def read_whole(self, body: bytes) -> list[Said]:
        """The pieces of an answer that was not streamed. Raises as `read`."""
        answer = parsed(body)
        given = answer.get("choices")
        for one in given if isinstance(given, list) else ():
            if not isinstance(one, dict):
                raise Malformed("choice")
            one["finish_reason"] = one.get("finish_reason") or "stop"
            message = one.get("message")
            calls = message.get("tool_calls") if isinstance(message, dict) else None
            for number, call in enumerate(calls if isinstance(calls, list) else ()):
                if isinstance(call, dict):
                    call["index"] = number
        return self._events(answer, "message")

    def rest(self) -> list[Said]:
        """What servers that never say why a choice ended have left. Raises as `read`."""
        return [piece for choice in self.choices if choice.reason is None for piece in self._last(choice)]

    def _events(self, chunk: dict[str, Any], said_in: str) -> list[Said]:
        if chunk.get("error"):
            raise Malformed("error event")
        if isinstance(chunk.get("usage"), dict):
            self.usage = chunk["usage"]
        given = chunk.get("choices") or ()
        if not isinstance(given, list | tuple):
            raise Malformed("choices")
        return [piece for one in given for piece in self._pieces(one, said_in)]

    def read_all(self, events: Iterable[str]) -> Reading:
        """The pieces of several, those that follow each other joined: everything behind this costs by the
        piece. What is wrong comes with what was good before it."""
        pieces: list[Said] = []
        try:
            for data in events:
                for piece in self.read(data):
                    add(pieces, piece)
                if self.is_done:
                    break
        except (Malformed, CallUnfit) as error:
            return pieces, error
        return pieces, None

    def _pieces(self, given: Any, said_in: str) -> list[Said]:
        """What one event says of one choice."""
        number = given.get("index", 0) if isinstance(given, dict) else None
        if type(number) is not int or not 0 <= number < len(self.choices):
            raise Malformed("choice")
        choice, said = self.choices[number], self._said(given, said_in)
        events: list[Said] = []
        text, most = text_in(said, "content"), self.generation.logprobs
        logprobs = () if most is None else logprobs_of(given, most)
        if text or logprobs:
            events.append(Piece(choice.characters.whole(text) if text else "", number, logprobs))
        events += self._asides(choice, said, number)
        events += choice.calls.feed(said.get("tool_calls"))
        if events and choice.reason is not None:
            raise Malformed("text behind the end")
        if (reason := given.get("finish_reason")) is not None:
            if choice.reason is None:
                events += choice.calls.finish()
            choice.reason = self._reason(reason)
        return self._counted(choice, events)

    @staticmethod
    def _asides(choice: Choice, said: dict[str, Any], number: int) -> list[AsidePiece]:
        """Reasoning has two names, and some servers use both at once."""
        found = []
        reasoning = text_in(said, "reasoning_content")
        if not reasoning and isinstance(said.get("reasoning"), str):
            reasoning = said["reasoning"]
        texts: tuple[tuple[AsideKind, str], ...] = (
            ("reasoning", reasoning),
            ("refusal", text_in(said, "refusal")),
        )
        for kind, text in texts:
            if text:
                characters = choice.beside.setdefault(kind, Characters())
                found.append(AsidePiece(kind, characters.whole(text), number))
        return found

    def _said(self, given: dict[str, Any], said_in: str) -> dict[str, Any]:
        if self.generation.text is not None:
            return {"content": given.get("text")}
        said = given.get(said_in) or {}
        if not isinstance(said, dict):
            raise Malformed(said_in)
        return said

    def _last(self, choice: Choice) -> list[Said]:
        return self._counted(choice, choice.calls.finish())

    @staticmethod
    def _counted(choice: Choice, events: Sequence[Said]) -> list[Said]:
        """Those that say something."""
        said: list[Said] = []
        for event in events:
            text = event.name + event.arguments if isinstance(event, CallPiece) else event.text
            size = len(text)
            choice.chars += size
            if size or (isinstance(event, Piece) and event.logprobs):
                said.append(event)
        return said

    @staticmethod
    def _reason(reason: Any) -> FinishReason:
        if not isinstance(reason, str) or reason not in REASONS:
            raise Malformed("finish reason")  # `error`, `abort`: the answer is not whole
        return REASONS[reason]

    # -- the end --

    def endings(self, *, first_token_ms: float) -> list[Ending]:
        """One for each choice; their completion tokens add up to those of the request."""
        counted = self.counted()
        chars = sum(choice.chars for choice in self.choices) or 1
        shares = [counted.completion * choice.chars // chars for choice in self.choices]
        shares[0] += counted.completion - sum(shares)
        return [
            Ending(
                choice.finish_reason,
                counted.prompt,
                shares[number],
                0.0,
                first_token_ms=first_token_ms,
                choice=number,
                cached_tokens=counted.cached,
            )
            for number, choice in enumerate(self.choices)
        ]

    def counted(self) -> Counted:
        """The server's numbers where they can be true, else estimates."""
        asked, usage = self.generation, self.usage if isinstance(self.usage, dict) else {}
        chars = sum(choice.chars for choice in self.choices)
        # A token is a byte of the prompt at least, and an answer has as many as it may have at most.
        prompt_chars = asked.prompt_chars + asked.tool_chars
        most_prompt = 4 * prompt_chars + TEMPLATE_TOKENS
        most_prompt += MESSAGE_TOKENS * len(asked.messages) + TOOL_TOKENS * len(asked.tools)
        most_completion = (asked.max_tokens + 1) * asked.choices  # some count the token that ends it
        prompt = number_in(usage, "prompt_tokens", 1, most_prompt)
        completion = number_in(usage, "completion_tokens", 1 if chars else 0, most_completion)
        is_believed = prompt is not None and completion is not None
        if prompt is None:
            prompt = tokens_in(prompt_chars)
        if completion is None:
            completion = min(tokens_in(chars), most_completion)
        details = usage.get("prompt_tokens_details")
        cached = number_in(details, "cached_tokens", 0, prompt) if isinstance(details, dict) else None
        return Counted(prompt, completion, cached or 0, is_believed)


def parsed(data: str | bytes) -> dict[str, Any]:
    """The JSON object in it. Raises Malformed."""
    try:
        chunk = json.loads(data)
    except (ValueError, RecursionError):
        raise Malformed("no JSON") from None
    if not isinstance(chunk, dict):
        raise Malformed("no object")
    return chunk


def number_in(numbers: dict[str, Any], name: str, least: int, most: int) -> int | None:
    value = numbers.get(name)
    return value if type(value) is int and least <= value <= most else None


def reading(read: Callable[[], list[Said]]) -> Reading:
    try:
        return read(), None
    except (Malformed, CallUnfit) as error:
        return [], error


def text_in(said: dict[str, Any], name: str) -> str:
    text = said.get(name)
    if text is not None and not isinstance(text, str):
        raise Malformed("text")
    return text or ""


def add(pieces: list[Said], piece: Said) -> None:
    """Puts it behind these, joined to the last where it goes on with it."""
    last = pieces[-1] if pieces else None
    if last is not None and last.choice == piece.choice:
        if isinstance(piece, Piece) and isinstance(last, Piece):
            pieces[-1] = last.and_then(piece)
            return
        if isinstance(piece, AsidePiece) and isinstance(last, AsidePiece) and piece.kind == last.kind:
            pieces[-1] = last.and_then(piece)
            return
        if isinstance(piece, CallPiece) and isinstance(last, CallPiece) and not piece.name:
            pieces[-1] = last.and_then(piece)
            return
    pieces.append(piece)


# -- tokens --


def logprobs_of(given: dict[str, Any], most: int) -> tuple[TokenLogprob, ...]:
    """Of a choice, in the shape of chat completions or of completions, `most` alternatives of each token;
    what cannot be read is left out."""
    described = given.get("logprobs")
    if not isinstance(described, dict):
        return ()
    content = described.get("content")
    tokens = content if isinstance(content, list) else _as_content(described)
    return tuple(found for one in tokens if (found := _logprob(one, most=most)) is not None)


def _as_content(described: dict[str, Any]) -> list[dict[str, Any]]:
    """The lists of completions in the shape of chat completions."""
    tokens, numbers, tops = (described.get(name) for name in ("tokens", "token_logprobs", "top_logprobs"))
    if not isinstance(tokens, list) or not isinstance(numbers, list):
        return []
    tops = tops if isinstance(tops, list) else []
    return [
        {
            "token": token,
            "logprob": numbers[at] if at < len(numbers) else None,
            "top_logprobs": [{"token": other, "logprob": logprob} for other, logprob in tops[at].items()]
            if at < len(tops) and isinstance(tops[at], dict)
            else [],
        }
        for at, token in enumerate(tokens)
    ]


def _logprob(given: Any, *, most: int) -> TokenLogprob | None:
    if not isinstance(given, dict) or not is_number(given.get("logprob")):
        return None
    raw = given.get("bytes")
    if isinstance(raw, list) and all(type(byte) is int and 0 <= byte < 256 for byte in raw):
        token = bytes(raw)
    else:
        token = str(given.get("token", "")).encode("utf-8", "replace")
    listed = given.get("top_logprobs") if most else None
    others = (_logprob(one, most=0) for one in listed[:most]) if isinstance(listed, list) else ()
    return TokenLogprob(token, float(given["logprob"]), tuple(one for one in others if one is not None))


# -- vectors --


def embeddings(body: bytes, texts: Sequence[str]) -> Embeddings:
    """Of an answer to `texts`, in their order. Raises Malformed."""
    answer = parsed(body)
    data = answer.get("data")
    if not isinstance(data, list) or len(data) != len(texts):
        raise Malformed("number of vectors")
    vectors: dict[int, tuple[float, ...]] = {}
    for position, one in enumerate(data):
        vector = one.get("embedding") if isinstance(one, dict) else None
        if not isinstance(vector, list) or not vector or not all(map(is_number, vector)):
            raise Malformed("vector")
        number = one.get("index", position)
        if type(number) is not int:
            raise Malformed("index")
        vectors[number] = tuple(map(float, vector))
    if set(vectors) != set(range(len(texts))) or len({len(vector) for vector in vectors.values()}) > 1:
        raise Malformed("vectors")
    usage = answer.get("usage")
    chars = sum(map(len, texts))
    most = 4 * chars + MESSAGE_TOKENS * len(texts)
    counted = number_in(usage, "prompt_tokens", 1, most) if isinstance(usage, dict) else None
    ordered = tuple(vectors[number] for number in range(len(texts)))
    return Embeddings(ordered, tokens_in(chars) if counted is None else counted)


def is_number(value: Any) -> bool:
    """A finite one: JSON as Python reads it also has NaN and Infinity."""
    return type(value) in (int, float) and -1e6 < value < 1e6
