"""
The events of a server's answer become pieces and endings.

A server may be broken or lie: a choice that nobody asked for, a text behind the end, tokens that cannot be.
What cannot be trusted is refused (`Malformed`) or, where only numbers are wrong, estimated.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from inference.backends import Embeddings, Ending, FinishReason, Generation, Piece, TokenLogprob
from inference.remote.sse import Malformed

DONE = "[DONE]"
# As servers write them. Tools are somebody else's room: a call ends an answer like a stop.
REASONS: dict[str, FinishReason] = {
    **dict.fromkeys(("stop", "eos", "stop_sequence", "end_turn", "tool_calls", "function_call"), "stop"),
    **dict.fromkeys(("length", "max_tokens"), "length"),
    "content_filter": "content_filter",
}
# What a chat template may add: its own words, and some for each message.
TEMPLATE_TOKENS, MESSAGE_TOKENS = 512, 64
CHARS_PER_TOKEN = 4  # of English, with the vocabularies of today's models


def tokens_in(chars: int) -> int:
    """An estimate of the tokens that so many characters make."""
    return -(-chars // CHARS_PER_TOKEN)


@dataclass(slots=True)
class Choice:
    """One of the answers so far. `half` is the first half of a surrogate pair that was cut in two."""

    chars: int = 0
    half: str = ""
    reason: FinishReason | None = None


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
        self.choices = [Choice() for _ in range(self.generation.choices)]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing, should the stream end here."""
        return self.is_done or all(choice.reason is not None for choice in self.choices)

    def read(self, data: str) -> list[Piece]:
        """The pieces in one event. Raises Malformed."""
        if data == DONE:
            self.is_done = True
            return []
        chunk = parsed(data)
        if chunk.get("error"):
            raise Malformed("error event")
        if isinstance(chunk.get("usage"), dict):
            self.usage = chunk["usage"]
        given = chunk.get("choices") or ()
        if not isinstance(given, list | tuple):
            raise Malformed("choices")
        return [piece for one in given if (piece := self._piece(one)) is not None]

    def read_all(self, events: Iterable[str]) -> tuple[list[Piece], Malformed | None]:
        """The pieces of several, those of one choice that follow each other joined: everything behind this
        costs by the piece. What is wrong comes with what was good before it."""
        pieces: list[Piece] = []
        try:
            for data in events:
                for piece in self.read(data):
                    last = pieces[-1] if pieces else None
                    if last is not None and last.choice == piece.choice:
                        pieces[-1] = last.and_then(piece)
                    else:
                        pieces.append(piece)
                if self.is_done:
                    break
        except Malformed as error:
            return pieces, error
        return pieces, None

    def _piece(self, given: Any) -> Piece | None:
        number = given.get("index", 0) if isinstance(given, dict) else None
        if type(number) is not int or not 0 <= number < len(self.choices):
            raise Malformed("choice")
        choice, text = self.choices[number], self._text(given)
        if text:
            if choice.reason is not None:
                raise Malformed("text behind the end")
            text = whole_characters(choice, text)
        if (reason := given.get("finish_reason")) is not None:
            choice.reason = self._reason(reason)
        if not text:
            return None
        choice.chars += len(text)
        return Piece(text, number, logprobs_of(given) if self.generation.logprobs is not None else ())

    def _text(self, given: dict[str, Any]) -> str:
        if self.generation.text is not None:
            text = given.get("text")
        else:
            delta = given.get("delta") or {}
            text = delta.get("content") if isinstance(delta, dict) else 0
        if text is not None and not isinstance(text, str):
            raise Malformed("text")
        return text or ""

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
                choice.reason or "stop",
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
        most_prompt = 4 * asked.prompt_chars + TEMPLATE_TOKENS + MESSAGE_TOKENS * len(asked.messages)
        most_completion = (asked.max_tokens + 1) * asked.choices  # some count the token that ends it
        prompt = number_in(usage, "prompt_tokens", 1, most_prompt)
        completion = number_in(usage, "completion_tokens", 1 if chars else 0, most_completion)
        is_believed = prompt is not None and completion is not None
        if prompt is None:
            prompt = tokens_in(asked.prompt_chars)
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


def whole_characters(choice: Choice, text: str) -> str:
    """`text` without half characters, which JSON can spell: a pair in two pieces is put together, a half
    without its other half becomes U+FFFD."""
    if not choice.half and text.isascii():
        return text
    text, choice.half = choice.half + text, ""
    if "\ud800" <= text[-1] <= "\udbff":
        text, choice.half = text[:-1], text[-1]
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def logprobs_of(given: dict[str, Any]) -> tuple[TokenLogprob, ...]:
    """Of chat completions' shape; what cannot be read is left out."""
    described = given.get("logprobs")
    content = described.get("content") if isinstance(described, dict) else None
    tokens = content if isinstance(content, list) else ()
    return tuple(found for one in tokens if (found := _logprob(one, has_top=True)) is not None)


def _logprob(given: Any, *, has_top: bool) -> TokenLogprob | None:
    if not isinstance(given, dict) or not is_number(given.get("logprob")):
        return None
    raw = given.get("bytes")
    if isinstance(raw, list) and all(type(byte) is int and 0 <= byte < 256 for byte in raw):
        token = bytes(raw)
    else:
        token = str(given.get("token", "")).encode("utf-8", "replace")
    listed = given.get("top_logprobs") if has_top else None
    others = (_logprob(one, has_top=False) for one in listed) if isinstance(listed, list) else ()
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
