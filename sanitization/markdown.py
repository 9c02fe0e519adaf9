"""
Says what of a Markdown text is code for certain, while the text arrives. Refuses to guess.

In code `<script>` is something to read; outside it is something that runs. Whoever takes for code what a
renderer does not, lets it run. So this is no Markdown parser: it follows the few constructs in which all
readings of CommonMark 0.31 (and of GitHub's dialect) agree, and where they could differ nothing is code.

    PLAIN ── a fence at column 0 ──► FENCE ── its closing line ──► PLAIN
      │
      └── a line that may be a fence to somebody ──► MAYBE ── proof that none is open ──► PLAIN
                                                       └── no more proof possible ──► LOST, for good

A fence at column 0 closes every container and interrupts every paragraph, so all agree on it, unless an HTML
block is open. Those begin with a tag and end at a blank line: between the two nothing is code, and a fence
there is LOST. A fence that is indented or stands behind `>`, `-` or `1.` is MAYBE: proof that it is closed is
a closing line with its own indentation and nothing less indented in between, or, where it can only be
inside a container, any line at column 0, which ends the container.

A code span counts if its backticks pair up on one line, with no `|` between (a table would split it), no
backslash before, and no unpaired backticks earlier in the paragraph that could pair with these instead.
"""

import re
from dataclasses import dataclass, replace
from enum import Enum
from functools import lru_cache

# Any line that some container could make a fence: marks and blanks, list numbers, then the run. Letters of
# any script are none of that. No renderer goes into hundreds of containers, and a line of nothing but marks
# would be held for ever.
MAX_MARKS = 512
_MARKS = r"(?>(?:[^\w`~<\r\n]|_|[0-9]{1,9}[.)])*)"
_FENCE_LINE = re.compile(rf"{_MARKS}(?:```|~~~)")
_FENCE_BEGINNING = re.compile(rf"{_MARKS}(?:[0-9]{{1,9}}|``?|~~?)?\Z")
_FENCE_PARTS = re.compile(r"([^`~]*)(`{3,}|~{3,})(.*)", re.DOTALL)
_PERHAPS_CLOSING = re.compile(r" {0,3}(?:`*|~*)[ \t]*")
_LINE_END = re.compile(r"[\r\n]")
_BLANK_LINES = re.compile(r"[\r\n]*")
_BACKTICKS = re.compile(r"`+")
# Characters of a code span. Backticks that pair up further apart are not waited for.
MAX_SPAN = 4096


# Characters, each with the pattern of what stands behind it, if that matters.
Stops = tuple[tuple[str, str], ...]


class _State(Enum):
    PLAIN = "nothing is open"
    FENCE = "a fenced block is open"
    MAYBE = "a fenced block may be open"
    LOST = "nobody can tell any more"


@dataclass(frozen=True, slots=True)
class _Fence:
    """A line that opens or closes a block to somebody. `indent` counts spaces, None behind anything else."""

    indent: int | None
    char: str
    length: int
    info: str
    odd: bool = False  # blanks other than spaces and tabs stand before it

    @classmethod
    def read(cls, line: str) -> "_Fence | None":
        parts = _FENCE_PARTS.match(line) if _FENCE_LINE.match(line[: MAX_MARKS + 3]) else None
        if parts is None or (parts[2][0] == "`" and "`" in parts[3]):
            return None  # backticks behind backticks: a code span, wherever the line stands
        indent = len(parts[1]) if not parts[1].strip(" ") else None
        odd = any(char.isspace() and char not in " \t" for char in parts[1])
        return cls(indent, parts[2][0], len(parts[2]), parts[3].strip(" \t"), odd)

    @property
    def contained(self) -> bool:
        """Whether this can only be a fence inside a list item or a quotation."""
        return self.indent is None or self.indent > 3

    def closes(self, opening: "_Fence") -> bool:
        return self.char == opening.char and self.length >= opening.length and not self.info


_SHORT = 64


@lru_cache(maxsize=1024)
def _fence_of_short(line: str) -> _Fence | None:
    return _Fence.read(line)


def _fence(line: str) -> _Fence | None:
    """The fence that this line may be. Hostile texts have the same short one again and again."""
    if "```" not in line and "~~~" not in line:
        return None
    return _fence_of_short(line) if len(line) <= _SHORT else _Fence.read(line)


class CodeReader:
    """Reads one text and stops at any of `stops`, after a tag that stays markup and up to the next blank line
    at `stops_in_tags`. `previous` is the character before the text that is given next.
    """

    def __init__(self, stops: Stops = (("<", ""),), stops_in_tags: Stops | None = None) -> None:
        self.previous = "\n"
        self._usual, self._in_tags = _events(stops), _events(stops_in_tags or stops)
        self._event = self._usual
        self._state = _State.PLAIN
        self._open = _Fence(0, "`", 3, "")  # what FENCE and MAYBE are about
        self._at_line_start = True
        self._blank = True  # nothing but blanks in this line so far
        self._unpaired = False  # backticks earlier in this paragraph
        self._tags = False  # since the last blank line

    @property
    def links(self) -> bool:
        """Whether `<https://…>` is a link here: in an HTML block it would be a tag of that name."""
        return not self._tags

    def tag_kept(self) -> None:
        """A tag that stays markup has been read: an HTML block may have begun."""
        self._tags = True
        self._event = self._in_tags

    def _new_paragraph(self) -> None:
        self._unpaired = False
        if self._tags:
            self._tags = False
            self._event = self._usual

    def goes_on(self, piece: str) -> bool:
        """Whether this piece is nothing but more of its line: it has been read then. Else `skip` reads it."""
        if self._at_line_start or not piece or self._event.search(piece):
            return False
        self._blank = self._blank and not piece.strip(" \t")
        self.previous = piece[-1]
        return True

    def skip(self, text: str, at: int, *, last: bool) -> tuple[int, bool]:
        """Goes over text and code from `at` to the next stop that is not in code.

        Returns where it came to, and whether it is there; if not, more text must decide, or there is none.
        """
        while at < len(text):
            if self._at_line_start and text[at] in "\r\n":
                here = self._blank_lines(text, at, last=last)
            elif self._at_line_start:
                here = self._line(text, at, last=last)
            elif self._state is _State.FENCE:
                end = _LINE_END.search(text, at)
                here = self._line_end(text, end.start(), last=last) if end else len(text)
            else:
                at, there = self._event_from(text, at)
                if there or at == len(text):
                    return at, there
                here = self._inline(text, at, last=last)
            if here is None:
                break
            at = here
        return at, False

    def _blank_lines(self, text: str, at: int, *, last: bool) -> int | None:
        """Over all lines that are empty; a fence does not mind them."""
        to = _BLANK_LINES.match(text, at).end()  # type: ignore[union-attr]  # matches anywhere
        if to == len(text) and text[to - 1] == "\r" and not last:
            to -= 1  # half of \r\n perhaps
        if to == at:
            return None
        if self._state is not _State.FENCE:
            self._new_paragraph()
        return to

    def _line(self, text: str, at: int, *, last: bool) -> int | None:
        """Decides what kind of line begins here; None where more text must. Goes over certain fences."""
        end = _LINE_END.search(text, at)
        line = text[at : end.start() if end else len(text)]
        if end is None and not last and self._undecided(line):
            return None
        fence = _fence(line)
        self._at_line_start, self._blank = False, True
        if self._state is _State.FENCE:
            if fence is None or fence.indent is None or fence.contained or not fence.closes(self._open):
                return at
            self._state, self._blank = _State.PLAIN, False
            return self._past(text, at + len(line))
        if self._state is _State.MAYBE:
            self._weigh(line, fence)
        elif self._state is _State.PLAIN and fence is not None:
            self._begin(fence)
        return self._past(text, at + len(line)) if self._in_fence() else at

    def _past(self, text: str, end: int) -> int:
        """Behind a line that opens or closes a block and ends here."""
        self._at_line_start = text.startswith("\n", end)
        return end + self._at_line_start

    def _in_fence(self) -> bool:
        return self._state is _State.FENCE

    def _undecided(self, line: str) -> bool:
        """Whether the rest of this line matters to what kind of line it is."""
        if self._state is _State.FENCE:
            return _PERHAPS_CLOSING.fullmatch(line) is not None
        if _FENCE_LINE.match(line[: MAX_MARKS + 3]):
            return True
        return len(line) < MAX_MARKS + 3 and _FENCE_BEGINNING.match(line) is not None

    def _begin(self, fence: _Fence) -> None:
        """A line that may be a fence, while nothing is open."""
        self._open = fence
        if self._tags or fence.odd or (fence.indent == 0 and "<" in fence.info):
            self._state = _State.LOST
        elif fence.indent == 0:
            self._state, self._unpaired = _State.FENCE, False
        else:
            self._state = _State.MAYBE

    def _weigh(self, line: str, fence: _Fence | None) -> None:
        """A line behind what may be a fence: proves it closed, makes the proof harder, or says nothing."""
        known = self._open
        if not line.strip(" \t"):
            return
        same_indent = fence is not None and fence.indent is not None and fence.indent == known.indent
        if fence is not None and same_indent and fence.closes(known):
            self._state = _State.PLAIN
        elif known.contained and not line[0].isspace() and line[0] != ">":
            self._state = _State.PLAIN
            if fence is not None:
                self._begin(fence)
        elif fence is not None or (known.indent is not None and _spaces(line) < known.indent):
            both = known.contained and (fence is None or fence.contained)
            self._open = replace(known, indent=None)
            self._state = _State.MAYBE if both else _State.LOST

    def _event_from(self, text: str, at: int) -> tuple[int, bool]:
        """Where the next stop, backticks or line end is, or the end; and whether it is a stop."""
        event = self._event.search(text, at)
        to = event.start() if event else len(text)
        if self._blank and to > at:
            self._blank = not text[at:to].strip(" \t")
        if event is None or text[to] in "`\r\n":
            return to, False
        self._blank = False
        return to, True

    def _inline(self, text: str, at: int, *, last: bool) -> int | None:
        """Over the backticks or the line end that stand here; None where more text must decide."""
        if text[at] in "\r\n":
            return self._line_end(text, at, last=last)
        self._blank = False
        return self._backticks(text, at, last=last)

    def _line_end(self, text: str, at: int, *, last: bool) -> int | None:
        if text[at] == "\r":
            if at + 1 == len(text) and not last:
                return None  # half of \r\n perhaps
            at += text[at + 1 : at + 2] == "\n"
        self._at_line_start = True
        if self._blank and self._state is not _State.FENCE:
            self._new_paragraph()
        return at + 1

    def _backticks(self, text: str, at: int, *, last: bool) -> int | None:
        """Over a code span, or over backticks that are none."""
        length = len(_BACKTICKS.match(text, at)[0])  # type: ignore[index]  # one stands there
        before = text[at - 1] if at else self.previous
        certain = self._state is _State.PLAIN and not self._unpaired and not self._tags and before != "\\"
        if not certain:
            self._unpaired = True
            return at + length
        limit = min(len(text), at + MAX_SPAN)
        runs = _BACKTICKS.finditer(text, min(at + length, limit), limit)
        closing = next((run for run in runs if len(run[0]) == length), None)
        if _LINE_END.search(text, at, closing.start() if closing else limit):
            closing = None  # in another line
        elif not last and limit == len(text) and (closing is None or closing.end() == limit):
            return None
        whole = closing is not None and closing.end() < at + MAX_SPAN  # else the run may go on behind it
        if closing is not None and whole and "|" not in text[at : closing.start()]:
            return closing.end()
        self._unpaired = True
        return at + length


@lru_cache
def _events(stops: Stops) -> re.Pattern[str]:
    """What a reader looks at: its stops, backticks and line ends. Begins with a set of characters, which
    `re` looks for several times faster than for alternatives.
    """
    chars = "".join(re.escape(char) for char, _ in stops)
    behind = {re.escape(char): following for char, following in stops if following}
    ways = [
        f"(?<!{'|'.join(behind)})",
        *(f"(?<={char})(?:{following})" for char, following in behind.items()),
    ]
    return re.compile(rf"[{chars}`\r\n]" + (f"(?:{'|'.join(ways)})" if behind else ""))


def _spaces(line: str) -> int:
    return len(line) - len(line.lstrip(" "))
