"""
Answers in OpenAI's shapes: whole bodies, and chunks of a stream.

This runs for every token of every stream, so what stays the same in all chunks of an answer is made once,
and a chunk is three pieces of bytes put together. Its text is escaped by the C code behind `json`, ASCII
only.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from json.encoder import encode_basestring_ascii as quoted  # what json.dumps calls for a string
from typing import Any

from accounts.limits.headers import rate_headers
from inference.backends import TokenLogprob
from prompts.events import AsideDelta, Begun, CallDelta, Delta, Done, Shown, ShownCall, ShownToken, Times
from prompts.headers import cache_headers
from prompts.journal import ASIDE_FIELDS, Usage

DONE = b"data: [DONE]\n\n"


@dataclass(frozen=True)
class Shape:
    """What tells `chat/completions` from `completions`."""

    prefix: str
    whole: str
    chunk: str
    whole_choice: Callable[[Shown], dict[str, Any]]
    first_choice: dict[str, Any] | None  # what a stream says of a choice before its first word
    text_choice: Callable[[str], dict[str, Any]]
    last_choice: dict[str, Any]
    logprobs: Callable[[Sequence[ShownToken]], dict[str, Any]]


def message(shown: Shown) -> dict[str, Any]:
    """A whole answer of chat completions."""
    refusal = shown.asides.get("refusal")
    content = None if (shown.calls or refusal) and not shown.text else shown.text
    said: dict[str, Any] = {"role": "assistant", "content": content, "refusal": refusal, "annotations": []}
    if reasoning := shown.asides.get("reasoning"):
        said["reasoning_content"] = reasoning
    if shown.calls:
        said["tool_calls"] = [tool_call(call) for call in shown.calls]
    return said


def tool_call(call: ShownCall | CallDelta) -> dict[str, Any]:
    """A call, or of a stream the beginning of one."""
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }


def chat_logprobs(tokens: Sequence[ShownToken]) -> dict[str, Any]:
    return {"content": logprobs(tokens), "refusal": None}


def logprobs(tokens: Sequence[ShownToken]) -> list[dict[str, Any]]:
    """Of tokens and their alternatives."""
    return [
        {**logprob(shown.token), "top_logprobs": [logprob(other) for other in shown.token.top]}
        for shown in tokens
    ]


def logprob(token: TokenLogprob) -> dict[str, Any]:
    """`bytes` may be a part of a character, which `token` cannot say."""
    return {"token": text_of(token), "logprob": token.logprob, "bytes": list(token.raw)}


def text_logprobs(tokens: Sequence[ShownToken]) -> dict[str, Any]:
    """Of completions, as they were before there was chat."""
    return {
        "tokens": [text_of(shown.token) for shown in tokens],
        "token_logprobs": [shown.token.logprob for shown in tokens],
        "top_logprobs": [
            {text_of(other): other.logprob for other in reversed(shown.token.top)} for shown in tokens
        ],
        "text_offset": [shown.offset for shown in tokens],
    }


def text_of(token: TokenLogprob) -> str:
    return token.raw.decode("utf-8", "replace")


CHAT = Shape(
    prefix="chatcmpl-",
    whole="chat.completion",
    chunk="chat.completion.chunk",
    whole_choice=lambda shown: {"message": message(shown)},
    first_choice={"delta": {"role": "assistant", "content": "", "refusal": None}},
    text_choice=lambda text: {"delta": {"content": text}},
    last_choice={"delta": {}},
    logprobs=chat_logprobs,
)
TEXT = Shape(
    prefix="cmpl-",
    whole="text_completion",
    chunk="text_completion",
    whole_choice=lambda shown: {"text": shown.text},
    first_choice=None,
    text_choice=lambda text: {"text": text},
    last_choice={"text": ""},
    logprobs=text_logprobs,
)


def head(begun: Begun, shape: Shape, kind: str) -> dict[str, Any]:
    """What every object of an answer begins with. The id is the book's, without its dashes."""
    return {
        "id": f"{shape.prefix}{begun.id.hex}",
        "object": kind,
        "created": int(begun.created_at.timestamp()),
        "model": begun.model,
    }


def whole(done: Done, shape: Shape) -> dict[str, Any]:
    """The body of an answer that is not streamed."""
    choices = [
        {
            "index": number,
            **shape.whole_choice(shown),
            "logprobs": None if shown.tokens is None else shape.logprobs(shown.tokens),
            "finish_reason": shown.finish_reason,
        }
        for number, shown in enumerate(done.choices)
    ]
    return {**head(done.begun, shape, shape.whole), "choices": choices, "usage": usage(done.result.usage)}


def usage(spent: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": spent.prompt_tokens,
        "completion_tokens": spent.completion_tokens,
        "total_tokens": spent.prompt_tokens + spent.completion_tokens,
        "prompt_tokens_details": {"cached_tokens": spent.cached_tokens, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


class Chunks:
    """The server-sent events (WHATWG HTML, 9.2.6) of one streamed answer."""

    def __init__(self, begun: Begun, shape: Shape, *, choices: int, with_usage: bool) -> None:
        self._head = head(begun, shape, shape.chunk)
        self._shape = shape
        self._with_usage = with_usage
        self._pieces = [self._cut(number) for number in range(choices)]

    def _cut(self, choice: int) -> tuple[bytes, bytes]:
        """What stands before and behind the text of each chunk of a choice."""
        mark = "\0"
        before, after = self._chunk(choice, self._shape.text_choice(mark)).split(quoted(mark).encode())
        return before, after

    def _chunk(
        self,
        choice: int,
        content: dict[str, Any],
        finish_reason: str | None = None,
        *,
        tokens: Sequence[ShownToken] = (),
    ) -> bytes:
        logprobs = self._shape.logprobs(tokens) if tokens else None
        entry = {"index": choice, **content, "logprobs": logprobs, "finish_reason": finish_reason}
        return self._event([entry])

    def _event(self, choices: list[dict[str, Any]], spent: Usage | None = None) -> bytes:
        event: dict[str, Any] = {**self._head, "choices": choices}
        if self._with_usage:
            event["usage"] = usage(spent) if spent else None
        return server_sent(event)

    def first(self) -> bytes:
        """Before the first word."""
        first = self._shape.first_choice
        if first is None:
            return b""
        return b"".join(self._chunk(number, first) for number in range(len(self._pieces)))

    def text(self, delta: Delta) -> bytes:
        if delta.tokens:
            return self._chunk(delta.choice, self._shape.text_choice(delta.text), tokens=delta.tokens)
        before, after = self._pieces[delta.choice]
        return before + quoted(delta.text).encode("ascii") + after

    def aside(self, delta: AsideDelta) -> bytes:
        """Some more of what is said beside an answer."""
        return self._chunk(delta.choice, {"delta": {ASIDE_FIELDS[delta.kind]: delta.text}})

    def call(self, delta: CallDelta) -> bytes:
        """Some more of a call of a tool."""
        more = tool_call(delta) if delta.id else {"function": {"arguments": delta.arguments}}
        return self._chunk(delta.choice, {"delta": {"tool_calls": [{"index": delta.call, **more}]}})

    def last(self, done: Done) -> bytes:
        """After the last word: why each choice ended, the usage if it was asked for, and `[DONE]`."""
        ends = [
            self._chunk(number, self._shape.last_choice, shown.finish_reason)
            for number, shown in enumerate(done.choices)
        ]
        if self._with_usage:
            ends.append(self._event([], done.result.usage))
        return b"".join(ends) + DONE

    def broken(self, envelope: dict[str, Any]) -> bytes:
        """Instead of an end, where something went wrong after the first word."""
        return server_sent(envelope)


def server_sent(content: Any) -> bytes:
    """One event. JSON holds no raw line break."""
    return b"data: " + json.dumps(content, separators=(",", ":")).encode() + b"\n\n"


def headers(begun: Begun, times: Times, *, queue_ms: float | None = None) -> dict[str, str]:
    """What is known before the first byte: of a stream, the times until its first word."""
    named = {
        **cache_headers(begun),
        "x-gateway-policy": begun.policy,
        "x-gateway-overhead-ms": f"{times.overhead_ms:.1f}",
        "x-gateway-sanitize-ms": f"{times.screen_ms + times.sanitize_ms:.1f}",
        "x-gateway-upstream-ms": f"{times.backend_ms:.1f}",
    }
    if queue_ms is not None:
        named["x-gateway-queue-ms"] = f"{queue_ms:.1f}"
    return named | rate_headers(begun.standings)
