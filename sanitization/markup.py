"""
Cleans the markup of answers with bleach, one tag at a time, so that it can be done while they stream.

To an HTML tokenizer `<` begins something only before a letter, `/`, `!` or `?`; every other `<` is text
and stays, and so do `>` and `&`. What begins something is kept if it is a whole tag of ALLOWED, in canonical
form (bleach writes it); of everything else `<` becomes `&lt;`, which leaves plain text behind. A tag is one
line of at most MAX_TAG characters. Raw-text and foreign elements (script, style, textarea, svg, math …) are
not allowed, so no tag changes how the ones behind it are read, and each can be judged alone.

In `markdown` mode code is left alone, where `sanitization.markdown` is certain that it is code.
"""

import re
from html import unescape

import bleach

from sanitization.detectors.base import compile_pattern
from sanitization.filters import Backlog, Stage
from sanitization.markdown import CodeReader
from sanitization.partial import beginnings
from sanitization.policies import Policy
from sanitization.rules import Category, Rule, declare
from sanitization.spans import Action, Span

RULE = "markup"
_TEXT_TAGS = "a abbr b br cite code del dfn em i ins kbd mark q s samp small span strong sub sup u var"
_BLOCK_TAGS = "blockquote dd details div dl dt h1 h2 h3 h4 h5 h6 hr li ol p summary ul"
ALLOWED = frozenset(f"{_TEXT_TAGS} {_BLOCK_TAGS}".split())
VOID = frozenset({"br", "hr"})
SCHEMES = ("http", "https", "mailto")
MAX_TAG = 2048

# An opening or closing tag as CommonMark 0.31, section 6.6, writes them, on one line. HTML takes more for a
# tag; that is not worth keeping.
_ATTRIBUTE = (
    r"[ \t]+[A-Za-z_:][A-Za-z0-9_.:-]*"
    r"(?:[ \t]*=[ \t]*(?:\"[^\"<>`\r\n]*\"|'[^'<>`\r\n]*'|[^ \t\r\n\"'=<>`]+))?"
)
_TAG = rf"</?[A-Za-z][A-Za-z0-9]*(?:{_ATTRIBUTE})*[ \t]*/?>"
# Autolinks (section 6.5), without what would be an attribute to an HTML tokenizer.
_AUTOLINK = (
    r"<(?:(?i:https?|mailto):[^ \t\r\n<>\"'=`\\]{1,1000}"
    r"|[A-Za-z0-9.!#$%&*+?^_{|}~-]{1,64}@[A-Za-z0-9.-]{1,255})>"
)
_WHOLE_TAG = compile_pattern(_TAG)
_WHOLE_LINK = compile_pattern(_AUTOLINK)
_TAG_BEGINNING = compile_pattern(rf"(?:{beginnings(_TAG)})\z")
_LINK_BEGINNING = compile_pattern(rf"(?:{beginnings(_AUTOLINK)})\z")
_CLEAN = re.compile(r'<([a-z][a-z0-9]*)(?: href="[^"<>`\s]*")?>|</([a-z][a-z0-9]*)>')


declare(
    Rule(
        RULE,
        Category.ANSWER,
        "HTML tags and attributes that are not on the allow-list.",
        prompt=Action.OFF,
        answer=Action.REMOVE,
    )
)


class MarkupScan:
    """One answer's way through. `code` says what to leave alone; None where nothing is code."""

    def __init__(self, code: CodeReader | None) -> None:
        self._code = code
        self._text = ""
        self._start = 0  # position of text[0] in the answer
        self._backlog = Backlog()
        self.settled = 0

    def feed(self, piece: str, *, last: bool) -> list[Span]:
        spans: list[Span] = []
        self._backlog.add(piece)
        while block := self._backlog.take(len(self._text), last=last):
            self._text += block
            spans += self._read(last=False)
        if last:
            spans += self._read(last=True)
        return spans

    def _read(self, *, last: bool) -> list[Span]:
        """Judges every tag that is certain to be one; keeps what is not for later."""
        spans: list[Span] = []
        text, at = self._text, 0
        while True:
            at, there = self._next(text, at, last=last)
            if not there:
                break
            judged = self._judge(text[at : at + MAX_TAG], self._start + at, last=last)
            if judged is None:
                break
            length, span = judged
            spans += [span] if span else []
            at += length
        self._start += at
        self._text = text[at:]
        if self._code is not None and at:
            self._code.previous = text[at - 1]
        # Only `<` can be the start of a span: text behind what is undecided may leave before it is decided.
        undecided = self._text.find("<")
        self.settled = self._start + (undecided if undecided >= 0 else len(self._text))
        return spans

    def _next(self, text: str, at: int, *, last: bool) -> tuple[int, bool]:
        if self._code is not None:
            return self._code.skip(text, at, last=last)
        at = text.find("<", at)
        return (at, True) if at >= 0 else (len(text), False)

    def _judge(self, text: str, place: int, *, last: bool) -> tuple[int, Span | None] | None:
        """What begins with this `<`: how much of the text it is and what has to change; None where more
        text must decide.
        """
        if len(text) == 1 and not last:
            return None
        if not (text[1:2].isascii() and text[1:2].isalpha()) and text[1:2] not in tuple("/!?"):
            return 1, None
        links = self._code is not None and self._code.links
        if links and (link := _WHOLE_LINK.match(text)):
            return link.end(), None
        if tag := _WHOLE_TAG.match(text):
            original = tag.group()
            if (cleaned := clean(original)) is not None:
                if self._code is not None:
                    self._code.tag_kept()
                changed = Span(place, place + len(original), RULE, 1.0, replacement=cleaned)
                return len(original), changed if cleaned != original else None
        elif not last and len(text) < MAX_TAG and _may_become(text, link=links):
            return None
        return 1, Span(place, place + 1, RULE, 1.0, replacement="&lt;")


def _may_become(text: str, *, link: bool) -> bool:
    """Whether more text could make a whole tag, or a link, of this beginning."""
    return _TAG_BEGINNING.match(text) is not None or (link and _LINK_BEGINNING.match(text) is not None)


def clean(tag: str) -> str | None:
    """The tag in canonical form, without what is not allowed in it; None if nothing allowed is left."""
    name = tag.strip("</>").split(maxsplit=1)[0].rstrip("/").lower()
    if name not in ALLOWED:
        return None
    if tag.startswith("</"):
        return None if name in VOID else f"</{name}>"
    if tag == f"<{name}>":
        return tag
    cleaned: str = bleach.clean(tag, tags=ALLOWED, attributes=_attribute_allowed, protocols=SCHEMES)
    cleaned = cleaned.removesuffix(f"</{name}>")
    # Belt and braces: whatever bleach makes of it, only this form goes on.
    return cleaned if _CLEAN.fullmatch(cleaned) else None


def _attribute_allowed(tag: str, name: str, value: str) -> bool:
    """Only `href` of `a`, with a scheme that is written out. bleach checks schemes too, but takes the one in
    `javascript:123` for a host with a port.
    """
    if (tag, name) != ("a", "href"):
        return False
    seen = "".join(char for char in unescape(value) if char > " " and char.isprintable()).lower()
    return seen.startswith(("http://", "https://", "mailto:"))


class MarkupFilter:
    """Answers only: what people see."""

    stage = Stage.MARKUP
    rules = frozenset({RULE})

    def open_prompt(self, policy: Policy) -> None:
        return None

    def open_answer(self, policy: Policy) -> MarkupScan | None:
        if policy.html == "off" or policy.action("answer", RULE) is Action.OFF:
            return None
        return MarkupScan(CodeReader() if policy.html == "markdown" else None)
