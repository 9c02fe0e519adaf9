"""
Puts the caller's own values back into the caller's copy of an answer, in one pass while it streams.

Only exact placeholders of the prompt are turned back; a value that was put in is never looked at again. What
a value can do depends on where it would stand, so it stays a placeholder

    in a URL                              a model could send it somewhere: https://x.example/?q=[EMAIL_1]
    in a Markdown link or image target,   the same, without a click where images load by themselves
      or a reference definition
    in an HTML tag                        it could end the attribute
    right behind `<` or `</`              it could begin a tag; an e-mail address there is an autolink

and everywhere else it is inserted as text. In `html` mode that means HTML-escaped. In `markdown` mode the
characters with which a value could begin markup or a link, or open or close code, become entities: `<`, `[`,
`]`, the backtick, and `~` in threes. Those that only style (`_`, `*`) stay, because they stand in ordinary
addresses and a reader wants to copy them; so does `&`. In code an entity shows as it is written, which is
ugly and harmless. In `off` mode nobody renders the text, and values are inserted as they are.

Where the state of the text is in doubt, the placeholder stays.
"""

import re
from dataclasses import dataclass
from html import escape

from sanitization.placeholders import Placeholders
from sanitization.policies import HtmlMode

# What changes where we are. Each blank is an event, so that words end and blank lines can be counted.
_EVENT = re.compile(r"\[[A-Z][A-Z0-9_]*\]|\]\(|\]:|\\\)|[()>\s]|<[A-Za-z/!?]|//|[wW]{3}\.", re.ASCII)
# Ends that may be the beginning of an event: they leave, and are read again with what follows.
_UNREAD = re.compile(r"(?:[wW]{1,3}|[\]\\</])\Z")
_ADDRESS = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+")
_LIVELY = re.compile(r"[<\[\]`]|~(?=~~)|(?<=~)~(?=~)|(?<=~~)~")


@dataclass(slots=True)
class _Place:
    """Where in the answer the next value would stand."""

    html_mode: HtmlMode
    behind_angle: bool = False
    in_url: bool = False
    in_tag: bool = False
    parentheses: int = 0  # open ones of a link target
    bracket_first: bool | None = None  # what the line began with; None before anything has
    definition: bool | None = None  # of a link: None outside, then whether its target has begun
    line_feeds: int = 0  # in a row, with nothing but blanks between; so that \r\n counts once
    returns: int = 0

    @property
    def forbidden(self) -> bool:
        return self.in_url or self.in_tag or self.parentheses > 0 or self.definition is not None

    def text(self, plain: str) -> None:
        """Goes over something that is not blank."""
        self.behind_angle = plain.endswith("<")
        self.line_feeds = self.returns = 0
        if self.definition is not None:
            self.definition = True
        if self.bracket_first is None and (first := re.search(r"[A-Za-z_\[]", plain)):
            self.bracket_first = first[0] == "["

    def blank(self, char: str) -> None:
        self.behind_angle = self.in_url = False
        if char not in "\r\n":
            return
        self.line_feeds += char == "\n"
        self.returns += char == "\r"
        self.bracket_first = None
        if self.definition:
            self.definition = None
        if max(self.line_feeds, self.returns) > 1:  # a blank line ends every construct of Markdown
            self.parentheses, self.definition = 0, None
            self.in_tag = self.in_tag and self.html_mode == "html"

    def mark(self, event: str) -> None:
        """Goes over an event that is not blank."""
        if event == "//" or event.endswith("."):
            self.in_url = True
        elif event[0] in "<>":
            self.in_tag = event[0] == "<"
        elif event == "](" or (event == "(" and self.parentheses):
            self.parentheses += 1
        elif event == ")" and self.parentheses:
            self.parentheses -= 1
        self.text(event)
        if event == "]:" and self.bracket_first and self.definition is None:
            self.definition = False


class Restorer:
    """For one answer. `feed` and `finish` give what may leave; `restore` is for a text that is whole.

    Holds back only a tail that may become a placeholder, never more than the longest of them.
    """

    def __init__(self, placeholders: Placeholders, html_mode: HtmlMode) -> None:
        self._values = dict(placeholders.entries)
        self._beginnings = {name[:size] for name in self._values for size in range(1, len(name))}
        self._longest = max(map(len, self._values), default=0)
        self._mode = html_mode
        self._place = _Place(html_mode)
        self._held = ""
        self._unread = ""

    def __repr__(self) -> str:
        return f"<restorer of {len(self._values)} values>"

    def restore(self, text: str) -> str:
        """All of a text. A restorer is good for one."""
        return self.feed(text) + self.finish()

    def feed(self, text: str) -> str:
        """What may leave now."""
        if not self._values:
            return text
        text = self._held + text
        cut = self._hold(text)
        self._held = text[cut:]
        return self._read(text[:cut])

    def finish(self) -> str:
        """The rest."""
        held, self._held = self._held, ""
        return self._read(held)

    def _hold(self, text: str) -> int:
        """Where the longest tail begins that more text could make a placeholder."""
        for at in range(max(0, len(text) - self._longest + 1), len(text)):
            if text[at] == "[" and text[at:] in self._beginnings:
                return at
        return len(text)

    def _read(self, text: str) -> str:
        already = len(self._unread)
        text = self._unread + text
        out: list[str] = []
        at = 0
        while event := _EVENT.search(text, at):
            if event.start() > at:
                self._place.text(text[at : event.start()])
            out.append(text[at : event.start()])
            at = event.end()
            found = event.group()
            if found[0] == "[" and (value := self._value(found)) is not None:
                self._place.text("x")
                out.append(value)
                continue
            if found[0] == "[":  # stays text, and its bracket may begin `](`
                at -= 1
                found = found[:-1]
                self._place.text(found)
            elif found.isspace():
                self._place.blank(found)
            else:
                self._place.mark(found)
            out.append(found)
        tail = _UNREAD.search(text, at)
        end = tail.start() if tail else len(text)
        if end > at:
            self._place.text(text[at:end])
        out.append(text[at:])
        self._unread = text[end:]
        return "".join(out)[already:]

    def _value(self, placeholder: str) -> str | None:
        """What to write for it here; None where it stays."""
        value = self._values.get(placeholder)
        if value is None or self._place.forbidden:
            return None
        if self._mode == "off":
            return value
        if self._place.behind_angle:
            return value if self._mode == "markdown" and _ADDRESS.fullmatch(value) else None
        if self._mode == "html":
            return escape(value)
        return _LIVELY.sub(lambda char: f"&#{ord(char[0])};", value)
