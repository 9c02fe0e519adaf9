"""
What stands beside an answer: the reasoning of a model that shows it, or why it refuses. Sanitized and
restored as the answer is, as a text of its own.

Models reason before they answer, and some again later. Reasoning ends where something else comes, so that
nothing of it is held until the very end; what comes later is another text, a blank line behind the first.
"""

from dataclasses import dataclass
from typing import Any

from inference.backends import AsideKind
from prompts.journal import AnsweredAside, kept
from sanitization.chain import EMPTY, Sanitized, StreamSanitizer
from sanitization.restore import Restorer
from sanitization.text import join

MOST_ASIDES = 64  # texts of one answer; the last goes on to the end, and another kind fails
BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True)
class AsideText:
    """Some more of a sanitized aside, the `number`-th of its answer, perhaps nothing and its end."""

    number: int
    kind: AsideKind
    text: Sanitized
    is_last: bool = False


class Aside:
    """One. `enough`: so many characters go through the chain at once. `stream` None is for one that was
    sanitized before. With `is_again`, the answer has one of its kind already."""

    def __init__(
        self,
        kind: AsideKind,
        stream: StreamSanitizer | None,
        restorer: Restorer | None,
        *,
        enough: int = 1,
        is_again: bool = False,
    ) -> None:
        self.kind = kind
        self.is_over = stream is None
        self._shown: list[str] = []
        self._stream, self._restorer = stream, restorer
        self._enough = enough
        self._gathered = ""
        self._lead = BETWEEN if is_again else ""
        self._sanitized: list[Sanitized] = []

    @property
    def answered(self) -> AnsweredAside:
        return AnsweredAside(self.kind, join(self._sanitized))

    @property
    def findings(self) -> tuple[dict[str, Any], ...]:
        return kept(self._stream.findings) if self._stream else ()

    @property
    def shown(self) -> str:
        return "".join(self._shown)

    @property
    def is_blocked(self) -> bool:
        return self._stream is not None and self._stream.blocked

    def read_along(self) -> None:
        """From now on somebody does."""
        self._enough = 1

    def take(self, text: str) -> Sanitized:
        """What may leave now."""
        self._gathered += text
        return self._pass_on() if len(self._gathered) >= self._enough else EMPTY

    def end(self) -> Sanitized:
        """The rest."""
        assert self._stream is not None
        self.is_over = True
        return join([self._pass_on(), self.keep(self._stream.finish())])

    def keep(self, text: Sanitized) -> Sanitized:
        self._sanitized.append(text)
        return text

    def _pass_on(self) -> Sanitized:
        assert self._stream is not None
        raw, self._gathered = self._gathered, ""
        return self.keep(self._stream.feed(raw))

    def restore(self, text: Sanitized, *, last: bool) -> str:
        """What of it can be shown now."""
        shown = self._restorer.feed(text) if self._restorer else text
        if last and self._restorer:
            shown += self._restorer.finish()
        if shown:
            shown, self._lead = self._lead + shown, ""
        self._shown.append(shown)
        return shown
