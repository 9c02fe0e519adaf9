"""
Tokens of an answer, with their probabilities, as far as its caller may see them.

    raw text and tokens ──► where does each stand? ──► did that leave as it was? ──► alternatives ──► shown

Tokens are text: each could spell what was taken out of the answer. So one is shown only where its bytes are
those of a stretch of the answer that left the chain unchanged, and that restoring left alone as well; tokens
of what was found, and of placeholders, are withheld. What is shown is in the answer anyway.

An alternative is not. It is shown where the chain finds nothing in it, nothing in the answer with it in the
place of the token, and nothing where it is read behind what was shown before it, one after another or rank
by rank. For that it waits for some of the text behind it. Where an answer says `41X1 1111 1111 11Y1`, nobody
looks at what two alternatives at once would make of it: there are more combinations than can be looked at.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from inference.backends import TokenLogprob
from prompts.events import ShownToken
from sanitization.text import Sanitized

# Characters of the answer on either side that an alternative is read with: at least, and of one word at most.
AROUND, MOST_AROUND = 48, 256
REMEMBERED = 96  # and of what was shown before it
APART = "\n\n"
_BLANK = re.compile(r"\s")
MOST_WAITING = 4096  # tokens for which no text comes
LEAST = -9999.0  # as OpenAI writes what is next to impossible

# Whether the chain finds nothing that reaches into text[start:end].
IsClean = Callable[[str, int, int], bool]


class Followed(Protocol):
    """A text that is rewritten while it comes; positions count in what it was."""

    def has_left(self, end: int) -> bool: ...

    def unchanged(self, start: int, end: int) -> tuple[int, int] | None: ...


class Alignment:
    """Where tokens stand in the text that was made of them. Servers leave tokens out, or spell them another
    way: one whose bytes are not in the text where it should stand is dropped."""

    def __init__(self) -> None:
        self._text = bytearray()
        self._at = 0  # bytes before are behind us
        self._chars = 0  # characters that begin in them
        self._waiting: deque[tuple[TokenLogprob, int]] = deque()

    def feed(self, text: str, tokens: Iterable[TokenLogprob]) -> list[tuple[TokenLogprob, int, int]]:
        """The tokens of which it is certain now where they stand: in these characters, or a part of them."""
        came_at = len(self._text)
        self._text += text.encode("utf-8", "replace")
        self._waiting += [(token, came_at) for token in tokens if token.raw]
        found = []
        while self._waiting:
            token, came_at = self._waiting[0]
            here = self._text[self._at : self._at + len(token.raw)]
            if here == token.raw:
                found.append(self._take(token))
            elif came_at > self._at and self._text.startswith(token.raw, came_at):
                self._skip(came_at)
                continue
            elif token.raw.startswith(here) and len(self._waiting) <= MOST_WAITING:
                break  # the rest may come
            self._waiting.popleft()
        return found

    def _take(self, token: TokenLogprob) -> tuple[TokenLogprob, int, int]:
        begins_inside = _is_inside(self._text[self._at])
        start = self._chars - begins_inside
        self._skip(self._at + len(token.raw))
        return token, start, self._chars

    def _skip(self, to: int) -> None:
        self._chars += sum(not _is_inside(byte) for byte in self._text[self._at : to])
        self._at = to


def _is_inside(byte: int) -> bool:
    """Whether it continues a character of UTF-8."""
    return byte & 0xC0 == 0x80


@dataclass(frozen=True, slots=True)
class Placed:
    """A token that may be shown: where it stands in the sanitized text, and in what its caller sees."""

    token: TokenLogprob
    start: int
    end: int
    shown_at: int


class Tokens:
    """Those of one answer; `sanitized` and `restored` are the two ways that its text goes."""

    def __init__(self, sanitized: Followed, restored: Followed | None, is_clean: IsClean) -> None:
        self._sanitized, self._restored = sanitized, restored
        self._alignment = Alignment()
        self._found: deque[tuple[TokenLogprob, int, int]] = deque()
        self._placed: deque[Placed] = deque()
        self._alternatives = Alternatives(is_clean)

    def note(self, text: str, tokens: Iterable[TokenLogprob]) -> None:
        """What the model said."""
        self._found += self._alignment.feed(text, tokens)

    def keep(self, text: Sanitized) -> None:
        """What left the chain."""
        self._alternatives.keep(text)

    def release(self, *, last: bool = False) -> tuple[ShownToken, ...]:
        """Those that may be shown now. With `last`, nothing more comes: what is left may not."""
        while self._found and self._sanitized.has_left(self._found[0][2]):
            token, start, end = self._found.popleft()
            if (place := self._sanitized.unchanged(start, end)) is not None:
                self._placed.append(Placed(token, *place, place[0]))
        shown: list[ShownToken] = []
        while self._placed:
            placed = self._placed[0]
            if self._restored is not None and not self._restored.has_left(placed.end):
                break
            if placed.token.top and not self._alternatives.can_judge(placed.end, last=last):
                break
            self._placed.popleft()
            at = (
                (placed.start, placed.end)
                if self._restored is None
                else self._restored.unchanged(placed.start, placed.end)
            )
            if at is not None:
                shown.append(self._shown(placed, at[0]))
        return tuple(shown)

    def _shown(self, placed: Placed, at: int) -> ShownToken:
        token = placed.token
        top = self._alternatives.judge(token, placed.start, placed.end)
        return ShownToken(TokenLogprob(token.raw, _at_least(token.logprob), top), at)


class Alternatives:
    """Which alternatives may be shown. `keep` gets the sanitized answer."""

    def __init__(self, is_clean: IsClean) -> None:
        self._is_clean = is_clean
        self._text = ""
        self._dropped = 0  # characters of the answer that are not remembered any more
        # What was shown before, as it may be read: tokens and alternatives, alternatives alone, and of each
        # rank alone.
        self._all = self._others = ""
        self._ranks: dict[int, str] = {}

    def keep(self, text: str) -> None:
        self._text += text

    def can_judge(self, end: int, *, last: bool) -> bool:
        """Whether enough of the answer behind this place is known."""
        return last or _reach(self._text[end - self._dropped :]) is not None

    def judge(self, token: TokenLogprob, start: int, end: int) -> tuple[TokenLogprob, ...]:
        """Of the alternatives of a token that stands there, those that may be shown. Tokens are judged in
        order."""
        self._all = (self._all + _text_of(token.raw))[-REMEMBERED:]
        if not token.top:
            return ()
        self._forget(start)
        before = self._text[: start - self._dropped]
        behind = self._text[end - self._dropped :]
        before = before[::-1][: _reach(before[::-1])][::-1]
        behind = behind[: _reach(behind)]
        # A part of a character is the token's own, or nobody can say what it will be.
        others = [other for other in token.top if _text_of(other.raw) or other.raw == token.raw]
        texts = [_text_of(other.raw) for other in others]
        readings = Readings(self._is_clean, before, behind)
        is_all_clean = readings.are_clean(self._histories(len(texts)), texts)
        kept: list[TokenLogprob] = []
        for other, text in zip(others, texts, strict=True):
            rank = len(kept)
            (history,) = self._histories(1, first=rank)
            if is_all_clean or other.raw == token.raw or readings.is_clean(history, text):
                kept.append(TokenLogprob(other.raw, _at_least(other.logprob)))
                self._all, self._others, self._ranks[rank] = ((one + text)[-REMEMBERED:] for one in history)
        return tuple(kept)

    def _histories(self, count: int, *, first: int = 0) -> list["History"]:
        """What alternatives of these ranks would be read behind."""
        ranks = range(first, first + count)
        return [(self._all, self._others, self._ranks.get(rank, "")) for rank in ranks]

    def _forget(self, start: int) -> None:
        """What is too far before this place to be read again."""
        if (size := start - self._dropped - MOST_AROUND) > MOST_AROUND:
            self._text = self._text[size:]
            self._dropped += size


@dataclass(frozen=True, slots=True)
class Readings:
    """What could be made of an alternative: alone, in the answer, behind what was shown before it."""

    _is_clean: IsClean
    before: str
    behind: str

    def is_clean(self, history: "History", text: str) -> bool:
        return all(
            self._is_clean(f"{ahead}{text}{rest}", len(ahead), len(ahead) + len(text))
            for ahead, rest in self._around(history)
        )

    def are_clean(self, histories: Sequence["History"], texts: Sequence[str]) -> bool:
        """Whether nothing at all is found in any of these, were all of them shown: asked first and at once,
        because mostly so."""
        read, so_far = [], ""
        for (everything, others, rank), text in zip(histories, texts, strict=True):
            history = (everything + so_far, others + so_far, rank)
            read += [f"{ahead}{text}{rest}" for ahead, rest in self._around(history)]
            so_far += text
        whole = APART.join(read)
        return self._is_clean(whole, 0, len(whole))

    def _around(self, history: "History") -> tuple[tuple[str, str], ...]:
        everything, others, rank = history
        return ("", ""), (self.before, self.behind), (everything, self.behind), (others, ""), (rank, "")


History = tuple[str, str, str]


def _reach(text: str) -> int | None:
    """How much of what is around a token to look at: some of it, and the whole word. None where the text may
    not be long enough for it."""
    if found := _BLANK.search(text, AROUND, MOST_AROUND):
        return found.start()
    return MOST_AROUND if len(text) >= MOST_AROUND else None


def _at_least(logprob: float) -> float:
    """JSON has neither infinity nor what is no number."""
    return logprob if logprob >= LEAST else LEAST


def _text_of(raw: bytes) -> str:
    """Empty for a part of a character."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return ""
