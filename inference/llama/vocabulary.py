"""
Text to tokens and back. Its `tokens_of` functions may be called from any thread, also while the model is
being unloaded: `close` waits for who is inside, and refuses who comes later.
"""

import ctypes
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import llama_cpp as C  # noqa: N812
import numpy as np

from inference.backends import Message, Tool, ToolUse
from inference.runner import ModelBroken
from inference.template import ChatTemplate
from inference.tools.notations import MARKS

NO_BYTE = 256  # in `first_byte`, for a token that is no text


class Vocabulary:
    """`pieces` has each token's bytes: none for control tokens but those that begin or end a call of a tool.
    `ends` are those that end an answer."""

    def __init__(self, model: Any, *, is_embedding: bool) -> None:
        self.pointer: Any = C.llama_model_get_vocab(model)
        self.size = int(C.llama_vocab_n_tokens(self.pointer))
        self._is_embedding = is_embedding
        self._inside = 0
        self._is_closed = False
        self._changed = threading.Condition()
        every = range(self.size)
        self.every_token = np.arange(self.size)
        self.end_tokens = [token for token in every if C.llama_vocab_is_eog(self.pointer, token)]
        self.ends = frozenset(self.end_tokens)
        self.pieces = [self._piece(token) for token in every]
        for mark in MARKS:
            if len(found := self.tokenize(mark, special=True)) == 1:
                self.pieces[found[0]] = mark.encode()
        self.first_byte = np.array([piece[0] if piece else NO_BYTE for piece in self.pieces], np.int16)
        self._bos = int(C.llama_vocab_bos(self.pointer))
        self._adds_bos = bool(C.llama_vocab_get_add_bos(self.pointer)) and self._bos >= 0
        bos, eos = self._text(C.llama_vocab_bos), self._text(C.llama_vocab_eos)
        raw = C.llama_model_chat_template(model, None)
        source = raw.decode("utf-8", "replace") if raw and not is_embedding else ""
        self._template = ChatTemplate(source, bos=bos, eos=eos)
        self.notation = self._template.notation

    @property
    def warm_up_token(self) -> int:
        return max(0, self._bos)

    def tokens_of(
        self, messages: Sequence[Message[str]], tools: Sequence[Tool[str]], use: ToolUse[str] | None
    ) -> list[int]:
        segments = self._template.render(messages, tools, use)
        tokens: list[int] = []
        with self._open():
            for segment in segments:
                tokens += self.tokenize(segment.text, special=not segment.is_content)
        return self._begun(tokens)

    def tokens_of_text(self, text: str) -> list[int]:
        with self._open():
            tokens = self.tokenize(text, special=False, add_special=self._is_embedding)
        return tokens if self._is_embedding else self._begun(tokens)

    def _begun(self, tokens: list[int]) -> list[int]:
        if self._adds_bos and tokens[:1] != [self._bos]:
            tokens.insert(0, self._bos)
        return tokens

    def tokenize(self, text: str, *, special: bool, add_special: bool = False) -> list[int]:
        """`special`: control tokens in the text are control tokens. `add_special`: with the beginning and the
        end that the model wants."""
        raw = text.encode("utf-8", "replace")
        room = len(raw) + 8
        found = (C.llama_token * room)()
        count = C.llama_tokenize(self.pointer, raw, len(raw), found, room, add_special, special)
        return list(found[: max(0, count)])

    def _piece(self, token: int) -> bytes:
        buffer = ctypes.create_string_buffer(64)
        size = C.llama_token_to_piece(self.pointer, token, buffer, len(buffer), 0, False)
        if size < 0:
            buffer = ctypes.create_string_buffer(-size)
            size = C.llama_token_to_piece(self.pointer, token, buffer, len(buffer), 0, False)
        return buffer.raw[: max(0, size)]

    def _text(self, which: Any) -> str:
        token = which(self.pointer)
        raw = C.llama_vocab_get_text(self.pointer, token) if token >= 0 else None
        return raw.decode("utf-8", "replace") if raw else ""

    # -- who is inside --

    @contextmanager
    def _open(self) -> Iterator[None]:
        with self._changed:
            if self._is_closed:
                raise ModelBroken("The model is unloaded.")
            self._inside += 1
        try:
            yield
        finally:
            with self._changed:
                self._inside -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """After it, nobody uses the model's vocabulary any more."""
        with self._changed:
            self._is_closed = True
            self._changed.wait_for(lambda: self._inside == 0)
