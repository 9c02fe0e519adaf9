"""
One answer to a prompt, of which there may be several: what the chain lets out of it, and what its
caller sees.

    raw piece ──► sanitize ──► kept for book and cache ──► restore ──► shown to the caller alone
"""

from typing import Any

from inference.backends import Ending
from prompts.journal import Answered, kept
from sanitization.chain import EMPTY, Sanitized, StreamSanitizer
from sanitization.restore import Restorer
from sanitization.text import join

# An answer that nobody reads along goes through the chain in pieces of this size: each passage has its price.
GATHERED_CHARS = 512


class Choice:
    """`part` is how findings call it. `restorer` None shows what was sanitized as it is."""

    def __init__(self, number: int, restorer: Restorer | None, *, streamed: bool) -> None:
        self.number = number
        self.part = "/response" if number == 0 else f"/choices/{number}"
        self.finish_reason = ""
        self.is_blocked = False  # nothing more of it leaves
        self.is_over = False
        self.ending: Ending | None = None
        self._stream: StreamSanitizer | None = None
        self._restorer = restorer
        self._enough = 1 if streamed else GATHERED_CHARS
        self._gathered: list[str] = []
        self._gathered_chars = 0
        self._replayed: Answered | None = None
        self._sanitized: list[Sanitized] = []
        self._shown: list[str] = []

    @property
    def sanitized(self) -> Sanitized:
        return join(self._sanitized)

    @property
    def shown(self) -> str:
        return "".join(self._shown)

    @property
    def findings(self) -> tuple[dict[str, Any], ...]:
        """What was found so far."""
        if self._replayed is not None:
            return self._replayed.findings
        return kept(self._stream.findings) if self._stream else ()

    @property
    def answered(self) -> Answered:
        return Answered(self.sanitized, self.findings, self.finish_reason)

    # -- sanitizing --

    def open(self, stream: StreamSanitizer) -> None:
        """Before the first piece."""
        self._stream = stream

    def take(self, piece: str) -> Sanitized:
        """What may leave now. After a finding that blocks, nothing does."""
        self._gathered.append(piece)
        self._gathered_chars += len(piece)
        return self._pass_on() if self._gathered_chars >= self._enough else EMPTY

    def end(self, ending: Ending) -> Sanitized:
        """The model's own end of this answer: what is still held."""
        self.ending = ending
        self.finish_reason = ending.finish_reason
        return self.rest()

    def rest(self) -> Sanitized:
        """What is still held, once no more comes."""
        assert self._stream is not None
        text = self._pass_on() if self._gathered else EMPTY
        rest = self._stream.finish()
        self._sanitized.append(rest)
        self.is_over = True
        if self._stream.blocked:
            self.is_blocked, self.finish_reason = True, "content_filter"
        return join([text, rest])

    def _pass_on(self) -> Sanitized:
        assert self._stream is not None
        raw = self._gathered[0] if len(self._gathered) == 1 else "".join(self._gathered)
        self._gathered.clear()
        self._gathered_chars = 0
        text = self._stream.feed(raw)
        self._sanitized.append(text)
        self.is_blocked = self._stream.blocked
        return text

    def replay(self, answered: Answered) -> Sanitized:
        """An answer that was given before, instead of a model's."""
        self._replayed, self.finish_reason = answered, answered.finish_reason
        self._sanitized.append(answered.text)
        self.is_over = True
        return answered.text

    # -- the caller's copy --

    def restore(self, text: Sanitized) -> str:
        """What of `text` (and of what was held back before) can be shown now, own values restored."""
        return self._show(self._restorer.feed(text) if self._restorer else text)

    def restore_rest(self) -> str:
        """What was still held back."""
        return self._show(self._restorer.finish() if self._restorer else "")

    def _show(self, shown: str) -> str:
        self._shown.append(shown)
        return shown
