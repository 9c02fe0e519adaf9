"""
Cleans the markup of answers with bleach, one tag at a time, so that it can be done while they stream.

To an HTML tokenizer `<` begins something only before a letter, `/`, `!` or `?`; every other `<` is text
and stays, and so do `>` and `&`. What begins something is kept if it is a whole tag of ALLOWED, in canonical
form (bleach writes it); of everything else `<` becomes `&lt;`, which leaves plain text behind. A tag is one
line of at most MAX_TAG characters. Raw-text and foreign elements (script, style, textarea, svg, math …) are
not allowed, so no tag changes how the ones behind it are read, and each can be judged alone.

Under `links: plain` a link to an origin that is not listed loses its query here as it does in Markdown
(`sanitization.links`): what stands there is not seen, and carries off what the answer has read.

In `markdown` mode code is left alone, where `sanitization.markdown` is certain that it is code.
"""

import re
from functools import lru_cache
from html import escape, unescape

import bleach

from sanitization.detectors.base import compile_pattern
from sanitization.filters import Backlog, Stage
from sanitization.joining import Joiner
from sanitization.markdown import CodeReader
from sanitization.partial import beginnings
from sanitization.policies import Policy
from sanitization.rules import Category, Rule, declare
from sanitization.spans import Action, Span
from sanitization.targets import Origins

RULE = "markup"
_LINK = "markdown_link"  # the rule of sanitization.links, which says what links may carry
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
# Nothing that a set takes of a tag could be of use to what follows, and tags are bounded: with possessive
# sets `re` reads one in a third of the time that it takes to ask RE2.
_WHOLE_TAG = re.compile(re.sub(r"(?<=\])[*+]", r"\g<0>+", _TAG))
_WHOLE_LINK = compile_pattern(_AUTOLINK)
_TAG_BEGINNING = compile_pattern(rf"(?:{beginnings(_TAG)})\z")
_LINK_BEGINNING = compile_pattern(rf"(?:{beginnings(_AUTOLINK)})\z")
_CLEAN = re.compile(r'<[a-z][a-z0-9]*(?: href="(?i:https?://|mailto:)[^"<>`\s]*")?>')
# What no dialect of Markdown takes for a tag, because no attribute begins so: `i<n;`, `(a<b && c>d)`. Only
# behind a letter, digit or bracket, where no line can begin, and outside of HTML blocks.
_COMPARISON = re.compile(r"<[A-Za-z][A-Za-z0-9]{0,30}(?:[);,\]}&|?*+%]|[ \t]{1,8}[&|?*+%=-])")
_BEHIND = re.compile(r"[A-Za-z0-9_)\]]")
_BEGINS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/!?")
_STOPS = (("<", r"[A-Za-z/!?]|\Z"),)
_TAG_END = re.compile(r"[<>\r\n]")  # none of them stands inside a tag or a link
_ATTRIBUTE_PARTS = re.compile(
    r"[ \t](?P<name>[A-Za-z_:][A-Za-z0-9_.:-]*+)"
    r"(?:[ \t]*+=[ \t]*+(?P<value>\"[^\"]*+\"|'[^']*+'|[^ \t\r\n\"'=<>`]++))?"
)
# A link whose target reads the same to everybody: the scheme in plain letters, nothing that needs decoding.
_USUAL_HREF = re.compile(
    r"(?i:https?://|mailto:)"
    r"(?>(?:[A-Za-z0-9._~:/?@!$()*+,;=%#-]|&amp;|&[A-Za-z0-9_.%-]*+(?:[=&]|\Z))*)"
)
# A link in canonical form that has a query, or a character reference that may be its beginning.
_QUERY = re.compile(r"""<a href=(?P<quote>["'])(?P<address>(?=[^"']*[?&])[^"']*)""")
_BARE_AMPERSAND = re.compile("&(?!amp;)")
UNUSUAL = "unusual"
# Asking bleach costs 200 µs. Links of an answer that it is asked about; others beyond them lose their target.
MAX_UNUSUAL = 256


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
    """One answer's way through. `code` says what to leave alone; None where nothing is code. Links lose
    their query unless it goes to one of `origins`; None where they may carry anything."""

    def __init__(self, code: CodeReader | None, *, origins: Origins | None = None) -> None:
        self._code = code
        self._origins = origins
        self._text = ""
        self._start = 0  # position of text[0] in the answer
        self._backlog = Backlog()
        self._joiner = Joiner()
        self._asked = 0  # how often bleach was
        self.settled = 0

    def feed(self, piece: str, *, last: bool) -> list[Span]:
        if not (last or self._text or self._backlog.waiting) and self._goes_on(piece):
            self._start += len(piece)
            spans = self._joiner.keep(piece)
            self.settled = self._joiner.settled(self._start)
            return spans
        spans = []
        self._backlog.add(piece)
        while block := self._backlog.take(len(self._text), last=last):
            self._text += block
            spans += self._read(last=False)
        if last:
            spans += [*self._read(last=True), *self._joiner.close()]
        return spans

    def _read(self, *, last: bool) -> list[Span]:
        """Judges every tag that is certain to be one; keeps what is not for later."""
        text, start, at = self._text, self._start, 0
        units: list[tuple[int, int, str, str]] = []
        while True:
            at, there = self._next(text, at, last=last)
            if not there or (judged := self._judge(text, at, last=last)) is None:
                break
            length, replacement = judged
            if replacement is not None:
                units.append((start + at, start + at + length, RULE, replacement))
            at += length
        spans = self._joiner.take(units, text, start, start + at, base=start)
        self._start += at
        self._text = text[at:]
        if self._code is not None and at:
            self._code.previous = text[at - 1]
        # Only `<` can be the start of a span: text behind what is undecided may leave before it is decided.
        undecided = self._text.find("<")
        self.settled = self._joiner.settled(self._start + (undecided if undecided >= 0 else len(self._text)))
        return spans

    def _goes_on(self, piece: str) -> bool:
        """Whether nothing begins or ends in this piece. It is the usual one."""
        return self._code.goes_on(piece) if self._code is not None else "<" not in piece

    def _next(self, text: str, at: int, *, last: bool) -> tuple[int, bool]:
        if self._code is not None:
            return self._code.skip(text, at, last=last)
        at = text.find("<", at)
        return (at, True) if at >= 0 else (len(text), False)

    def _judge(self, text: str, at: int, *, last: bool) -> tuple[int, str | None] | None:
        """What begins with the `<` at `at`: how much of the text it is, and what takes its place, None where
        it stays. None altogether where more text must decide.
        """
        following = text[at + 1 : at + 2]
        if not following and not last:
            return None
        if following not in _BEGINS:
            return 1, None
        end = _TAG_END.search(text, at + 1, at + MAX_TAG)
        link = self._code is not None and self._code.links
        if end is not None and end[0] == ">":
            tag = text[at : end.end()]
            if link and " " not in tag and _WHOLE_LINK.match(tag):
                return len(tag), None
            if (cleaned := self._clean(tag)) is not None:
                if self._code is not None:
                    self._code.tag_kept()
                return len(tag), cleaned if cleaned != tag else None
        elif end is None and not last and len(text) - at < MAX_TAG and _may_become(text[at:], link=link):
            return None
        return 1, None if link and self._compares(text, at) else "&lt;"

    def _compares(self, text: str, at: int) -> bool:
        """Whether this `<` certainly compares two things. Only asked where Markdown is read."""
        assert self._code is not None
        before = text[at - 1] if at else self._code.previous
        return _BEHIND.match(before) is not None and _COMPARISON.match(text, at) is not None

    def _clean(self, tag: str) -> str | None:
        """`clean`, as long as bleach has not been asked too often."""
        cleaned = clean(tag)
        if cleaned == UNUSUAL:
            self._asked += 1
            cleaned = bleached(tag) if self._asked <= MAX_UNUSUAL else "<a>"
        if cleaned is None or self._origins is None or (found := _QUERY.match(cleaned)) is None:
            return cleaned
        address, _, query = unescape(found["address"]).partition("?")
        if not query or self._origins.has(address):
            return cleaned
        return f"<a href={found['quote']}{escape(address)}{found['quote']}>"


def _may_become(text: str, *, link: bool) -> bool:
    """Whether more text could make a whole tag, or a link, of this beginning."""
    return _TAG_BEGINNING.match(text) is not None or (link and _LINK_BEGINNING.match(text) is not None)


@lru_cache(maxsize=4096)
def clean(tag: str) -> str | None:
    """The tag in canonical form, without what is not allowed in it; None if nothing allowed is left. UNUSUAL
    for a link that only bleach can judge.

    Takes what `_TAG` matches. No attribute is allowed but `href`, so bleach has nothing to say about others.
    """
    if not _WHOLE_TAG.fullmatch(tag):
        return None
    name = tag.strip("</>").split(maxsplit=1)[0].rstrip("/").lower()
    if name not in ALLOWED:
        return None
    if tag.startswith("</"):
        return None if name in VOID else f"</{name}>"
    if name == "a" and (href := _href(tag)) is not None:
        if not _USUAL_HREF.fullmatch(href):
            return UNUSUAL
        return _single_quoted(tag, f'<a href="{_BARE_AMPERSAND.sub("&amp;", href)}">')
    return f"<{name}>"


def _href(tag: str) -> str | None:
    """The value of the first `href`, which is the one that counts (HTML, section 13.2.5.33)."""
    for found in _ATTRIBUTE_PARTS.finditer(tag):
        if found["name"].lower() == "href":
            value: str = found["value"] or ""
            return value[1:-1] if value[:1] in ("'", '"') else value
    return None


@lru_cache(maxsize=1024)
def bleached(tag: str) -> str | None:
    """What bleach makes of an opening tag; None if that is nothing allowed."""
    cleaned: str = bleach.clean(tag, tags=ALLOWED, attributes=_attribute_allowed, protocols=SCHEMES)
    cleaned = re.sub(r"</[a-z0-9]+>\Z", "", cleaned)
    # Belt and braces: whatever bleach makes of it, only this form goes on.
    return _single_quoted(tag, cleaned) if _CLEAN.fullmatch(cleaned) else None


def _single_quoted(tag: str, cleaned: str) -> str:
    """A tag without double quotes may stand in a JSON string, and gets none."""
    return cleaned if '"' in tag else cleaned.replace("'", "&#39;").replace('"', "'")


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
        cuts = policy.links == "plain" and policy.action("answer", _LINK) is not Action.OFF
        return MarkupScan(
            CodeReader(_STOPS) if policy.html == "markdown" else None,
            origins=Origins(policy.origins) if cuts else None,
        )
