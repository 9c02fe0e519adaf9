"""
One answer to a prompt, of which there may be several: what the chain lets out of it, and what its
caller sees.

    raw piece ──► sanitize ──► kept for book and cache ──► restore ──► shown to the caller alone
                       └──► the same in the answers of others who asked the same ──► …
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from inference.backends import AsideKind, AsidePiece, CallPiece, Ending, Piece, TokenLogprob
from inference.errors import GenerationFailed
from prompts.asides import MOST_ASIDES, Aside, AsideText
from prompts.calls import Call
from prompts.events import AsideDelta, CallDelta, Delta, Shown, ShownCall, ShownToken
from prompts.journal import Answered, aside_pointers, kept
from prompts.logprobs import IsClean, Tokens
from sanitization.chain import EMPTY, Sanitized, StreamSanitizer
from sanitization.restore import Restorer
from sanitization.text import join

# An answer that nobody reads along goes through the chain in pieces of about this size, and the last one
# together with the end: each passage has its price.
GATHERED_CHARS = 512


@dataclass(frozen=True, slots=True)
class CallText:
    """Some more of the sanitized arguments of a call, perhaps nothing: then it has just begun."""

    call: Call
    text: Sanitized


# What leaves the chain of an answer.
Heard = Sanitized | CallText | AsideText
# Makes a call whose arguments go through the chain: its number, its name as the model says it, and how
# findings call them. And one whose arguments did.
OpenCall = Callable[[int, str, str], Call]
KnownCall = Callable[[int, str], Call]
# Opens the chain for a text of the answer, as findings call it.
OpenText = Callable[[str], StreamSanitizer]


class Choice:
    """`part` is how findings call it. A `new_restorer` that gives None shows what was sanitized as it is.

    Nothing that is handed in holds this in turn: what is known of a prompt, its raw text too, is gone with
    the request, and not when the collector comes by.
    """

    def __init__(self, number: int, new_restorer: Callable[[], Restorer | None], *, streamed: bool) -> None:
        self.number = number
        self.part = "/response" if number == 0 else f"/choices/{number}"
        self.finish_reason = ""
        self.is_blocked = False  # nothing more of it leaves
        self.is_over = False
        self.ending: Ending | None = None
        self.calls: list[Call] = []
        self._stream: StreamSanitizer | None = None
        self._open_text: OpenText | None = None
        self._open_call: OpenCall | None = None
        self._new_restorer = new_restorer
        self._restorer = new_restorer()
        self._asides: list[Aside] = []
        self._enough = 1 if streamed else GATHERED_CHARS
        self._gathered: list[str] = []
        self._gathered_chars = 0
        self._replayed: Answered | None = None
        self._source: Choice | None = None
        self._sanitized: list[Sanitized] = []
        self._shown: list[str] = []
        self._tokens: Tokens | None = None
        self._shown_tokens: list[ShownToken] = []

    @property
    def sanitized(self) -> Sanitized:
        return join(self._sanitized) if self._source is None else self._source.sanitized

    @property
    def shown(self) -> Shown:
        calls = tuple(ShownCall(call.id, call.shown_name, call.shown) for call in self.calls)
        tokens = None if self._tokens is None else tuple(self._shown_tokens)
        asides: dict[AsideKind, str] = {}
        for aside in self._asides:
            asides[aside.kind] = asides.get(aside.kind, "") + aside.shown
        return Shown("".join(self._shown), self.finish_reason, calls, tokens, asides)

    @property
    def findings(self) -> tuple[dict[str, Any], ...]:
        """What was found so far."""
        if self._replayed is not None:
            return self._replayed.findings
        in_calls = (kept(call.stream.findings) for call in self.calls if call.stream is not None)
        own = kept(self._stream.findings) if self._stream else ()
        beside = (aside.findings for aside in self._asides)
        return (*own, *(finding for findings in (*in_calls, *beside) for finding in findings))

    @property
    def answered(self) -> Answered:
        if self._source is not None:
            return self._source.answered
        calls = tuple(call.answered for call in self.calls)
        asides = tuple(aside.answered for aside in self._asides)
        return Answered(self.sanitized, self.findings, self.finish_reason, calls, asides)

    # -- sanitizing --

    def call_part(self, number: int) -> str:
        """How findings call the arguments of a call."""
        return f"{self.part}/tool_calls/{number}/function/arguments"

    def open(self, open_text: OpenText, open_call: OpenCall) -> None:
        """Before the first piece."""
        self._stream = open_text(self.part)
        self._open_text, self._open_call = open_text, open_call

    def follow_tokens(self, is_clean: IsClean) -> None:
        """Once it is open: tokens are shown too, and alternatives in which the chain finds nothing."""
        assert self._stream is not None
        self._enough = 1  # alternatives take their time: a few at once, so that other callers' streams go on
        restored = self._restorer.trace() if self._restorer else None
        self._tokens = Tokens(self._stream, restored, is_clean)

    def hear(self, piece: Piece | CallPiece | AsidePiece) -> list[Heard]:
        """What may leave now. After a finding that blocks, nothing does."""
        if isinstance(piece, AsidePiece):
            return self._take_aside(piece)
        heard = self._end_aside() if isinstance(piece, CallPiece) or piece.text else []
        if self.is_blocked:
            return heard
        if isinstance(piece, CallPiece):
            return [*heard, *self._take_call(piece)]
        text = self._take(piece.text, piece.logprobs)
        return [*heard, text] if text else heard

    def _take(self, piece: str, tokens: Sequence[TokenLogprob] = ()) -> Sanitized:
        if self._tokens is not None:
            self._tokens.note(piece, tokens)
        is_followed = self._enough == 1
        is_due = not is_followed and self._gathered_chars >= self._enough
        text = self._pass_on() if is_due else EMPTY  # without this one, which may be the last
        self._gathered.append(piece)
        self._gathered_chars += len(piece)
        return self._pass_on() if is_followed else text

    def _take_call(self, piece: CallPiece) -> list[Heard]:
        assert self._open_call is not None
        heard: list[Heard] = []
        if piece.name:
            heard += self._end_call()
            if self.is_blocked:
                return heard
            number = len(self.calls)
            self.calls.append(self._open_call(number, piece.name, self.call_part(number)))
            heard.append(CallText(self.calls[-1], EMPTY))
        if piece.arguments and (text := self.calls[-1].take(piece.arguments)):
            heard.append(CallText(self.calls[-1], text))
        self.is_blocked = self.is_blocked or self.calls[-1].is_blocked
        return heard

    def _take_aside(self, piece: AsidePiece) -> list[Heard]:
        newest = self._asides[-1] if self._asides else None
        goes_on = newest is not None and newest.kind == piece.kind and not newest.is_over
        heard = [] if goes_on else self._end_aside(is_another=True)
        if self.is_blocked:
            return heard
        if not goes_on:
            assert self._open_text is not None
            if len(self._asides) == MOST_ASIDES:
                raise GenerationFailed
            *_, pointer = aside_pointers([*(aside.kind for aside in self._asides), piece.kind])
            self._add_aside(piece.kind, self._open_text(f"{self.part}/{pointer}"))
        text = self._asides[-1].take(piece.text)
        self.is_blocked = self.is_blocked or self._asides[-1].is_blocked
        return [*heard, AsideText(len(self._asides) - 1, piece.kind, text)] if text else heard

    def _end_aside(self, *, is_another: bool = False) -> list[Heard]:
        """What of the newest aside is still held, once something else comes."""
        if not self._asides or self._asides[-1].is_over:
            return []
        if len(self._asides) == MOST_ASIDES and not (is_another or self.is_over):
            return []  # it goes on to the end
        aside = self._asides[-1]
        text = aside.end()
        self.is_blocked = self.is_blocked or aside.is_blocked
        return [AsideText(len(self._asides) - 1, aside.kind, text, is_last=True)]

    def _add_aside(self, kind: AsideKind, stream: StreamSanitizer | None) -> None:
        is_again = any(aside.kind == kind for aside in self._asides)
        restorer = self._new_restorer()
        self._asides.append(Aside(kind, stream, restorer, enough=self._enough, is_again=is_again))

    def _end_call(self) -> list[Heard]:
        """What of the newest call is still held."""
        if not self.calls:
            return []
        text = self.calls[-1].end()
        self.is_blocked = self.is_blocked or self.calls[-1].is_blocked
        return [CallText(self.calls[-1], text)] if text else []

    def end(self, ending: Ending) -> list[Heard]:
        """The model's own end of this answer: what is still held."""
        self.ending = ending
        self.finish_reason = ending.finish_reason
        return self.rest()

    def rest(self) -> list[Heard]:
        """What is still held, once no more comes."""
        assert self._stream is not None
        text = self._keep(self._stream.whole(self._let_go()))
        self.is_over = True
        heard = self._end_aside()
        heard += [text] if text else []
        heard += self._end_call()
        if self.is_blocked or self._stream.blocked or any(call.is_blocked for call in self.calls):
            self.is_blocked, self.finish_reason = True, "content_filter"
        return heard

    def _pass_on(self) -> Sanitized:
        assert self._stream is not None
        text = self._keep(self._stream.feed(self._let_go()))
        self.is_blocked = self.is_blocked or self._stream.blocked
        return text

    def _let_go(self) -> str:
        """What was gathered."""
        raw = self._gathered[0] if len(self._gathered) == 1 else "".join(self._gathered)
        self._gathered.clear()
        self._gathered_chars = 0
        return raw

    def _keep(self, text: Sanitized) -> Sanitized:
        self._sanitized.append(text)
        if self._tokens is not None:
            self._tokens.keep(text)
        return text

    def replay(self, answered: Answered, open_call: KnownCall) -> list[Heard]:
        """An answer that was given before, instead of a model's."""
        self._replayed, self.finish_reason = answered, answered.finish_reason
        self._sanitized.append(answered.text)
        self.is_over = True
        heard: list[Heard] = [
            AsideText(number, aside.kind, aside.text, is_last=True)
            for number, aside in enumerate(answered.asides)
        ]
        heard += [answered.text] if answered.text else []
        for number, call in enumerate(answered.calls):
            self.calls.append(open_call(number, call.name))
            heard.append(CallText(self.calls[-1], self.calls[-1].keep(call.arguments)))
        return heard

    # -- an answer that several callers share --

    def read_along(self) -> None:
        """From now on somebody does."""
        self._enough = 1
        for aside in self._asides:
            aside.read_along()

    def follow(self, source: "Choice", heard: Heard, open_call: KnownCall) -> Heard:
        """What left the chain of another's answer, which is also this one."""
        self._source = source
        if not isinstance(heard, CallText):
            return heard
        if heard.call.number == len(self.calls):
            self.calls.append(open_call(heard.call.number, heard.call.name))
        return CallText(self.calls[heard.call.number], heard.text)

    def land(self, source: "Choice") -> None:
        """The other answer came to its end, and so does this one."""
        self._source, self.ending, self.finish_reason = source, source.ending, source.finish_reason
        self.is_blocked, self.is_over = source.is_blocked, True

    # -- the caller's copy --

    def restore(self, heard: Heard) -> Delta | CallDelta | AsideDelta | None:
        """What of this (and of what was held back before) can be shown now, own values restored."""
        if isinstance(heard, AsideText):
            if heard.number == len(self._asides):  # it was sanitized for somebody else
                self._add_aside(heard.kind, None)
                self._asides[-1].keep(heard.text)
            shown = self._asides[heard.number].restore(heard.text, last=heard.is_last)
            return AsideDelta(heard.kind, shown, self.number) if shown else None
        if isinstance(heard, CallText):
            return self._show_call(heard.call, heard.call.restore(heard.text))
        return self._show(self._restorer.feed(heard) if self._restorer else heard)

    def restore_rest(self) -> list[Delta | CallDelta]:
        """What was still held back."""
        deltas = [self._show(self._restorer.finish() if self._restorer else "", last=True)]
        rest = [self._show_call(call, call.restore_rest()) for call in self.calls]
        return [delta for delta in (*deltas, *rest) if delta is not None]

    def _show(self, shown: str, *, last: bool = False) -> Delta | None:
        self._shown.append(shown)
        tokens = self._tokens.release(last=last) if self._tokens is not None else ()
        self._shown_tokens += tokens
        return Delta(shown, self.number, tokens) if shown or tokens else None

    def _show_call(self, call: Call, shown: str) -> CallDelta | None:
        if call.is_told:
            return CallDelta(call.number, shown, choice=self.number) if shown else None
        call.is_told = True
        return CallDelta(call.number, shown, call.id, call.shown_name, self.number)
