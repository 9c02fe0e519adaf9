"""
Keeps the Markdown of answers from loading, running or sending anything by itself.

    schemes     a link or definition whose address begins with a scheme outside of SCHEMES (`javascript:`)
                loses it
    images      `![…](…)` loads when it is shown: one whose origin is not listed becomes a link
    links       to origins that are not listed lose their query (`plain`, the default), through which an
                answer can carry off what it has read; or the address (`listed`); or nothing (`any`).
                `mailto:` has no origin that could be listed, and its query is a letter that is written
                already (RFC 6068): with one it is treated like the others, without one it stays

An address is read as browsers and CommonMark 0.31 do: character references and backslash escapes count,
blanks and control bytes inside do not. Reference images (`![a][b]`) are never listed: where their definition
stands, if it does, is not known while the text arrives. In code nothing is changed, where
`sanitization.markdown` is certain that it is code.
"""

import re

from sanitization.detectors.base import PatternDetector
from sanitization.filters import Backlog, Stage
from sanitization.joining import Joiner
from sanitization.markdown import CodeReader
from sanitization.markup import SCHEMES
from sanitization.matching import compile_pattern
from sanitization.partial import beginnings
from sanitization.patterns import MAX_PLANS, DetectorScan, Plan
from sanitization.policies import Policy
from sanitization.rules import Category, Rule, declare
from sanitization.spans import Action, Span
from sanitization.targets import Address, MoreNeeded, Origins

LINK, IMAGE = "markdown_link", "markdown_image"

declare(
    Rule(
        LINK,
        Category.ANSWER,
        "Markdown links that run something, and what carries data to origins that are not listed.",
        prompt=Action.OFF,
        answer=Action.REMOVE,
    ),
    Rule(
        IMAGE,
        Category.ANSWER,
        "Markdown images from origins that are not listed, which load when they are shown.",
        prompt=Action.OFF,
        answer=Action.REMOVE,
    ),
)

# A listed image in the plainest form; of all others the `!` is taken.
_IMAGE = (
    r"!\[[^\[\]\\`<>&\r\n]{0,300}\]\(<?https?://[^\s<>()\\&\"'`]{1,1000}>?"
    r"(?: {1,3}\"[^\"\\&<>\r\n]{0,300}\")?\)"
)
_WHOLE_IMAGE = compile_pattern(_IMAGE)
_IMAGE_BEGINNING = compile_pattern(rf"(?:{beginnings(_IMAGE)})\z")
_IMAGE_ADDRESS = re.compile(r"\]\(<?(https?://[^\s<>()]+)")
MAX_IMAGE = 2_200
_MAY_BEGIN = re.compile(r"[!\]]")
# Where a link's address or an image may begin.
_STOPS = (("!", r"\[|\Z"), ("]", r"[(:](?![\])(\[}{>!?#*`'\"|@])|\Z"))

_BLANKS = re.compile(r"\s{0,100}+")
_NO_ADDRESS = frozenset("])([}{>!?#*`'\"|@")  # what a relative address or none begins with
# An address and its query, if that is all there is to read: no parentheses, references or escapes.
_PLAIN_LINK = re.compile(
    r"[Hh][Tt][Tt][Pp][Ss]?://[^\s()<>?&\\]{0,1000}+(\?[^\s()<>&\\]{0,1000}+)?(?=[)\s<>])"
)
REMOVED = "#removed-link"


class LinkScan:
    """One answer's way through. `alike` says that the same is done about both rules."""

    def __init__(self, policy: Policy, *, alike: bool = False) -> None:
        self._code = CodeReader((("<", ""), *_STOPS), _STOPS) if policy.html == "markdown" else None
        self._origins = Origins(policy.origins)
        self._links, self._images = policy.links, policy.images
        self._only_queries = self._links == "plain" and not self._origins
        self._text = ""
        self._start = 0  # position of text[0] in the answer
        self._backlog = Backlog()
        self._joiner = Joiner(mixes=alike)
        self.settled = 0

    def feed(self, piece: str, *, last: bool) -> list[Span]:
        if not (last or self._text or self._backlog.waiting) and self._code and self._code.goes_on(piece):
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
        """Judges all that is certain; keeps what is not for later."""
        text, start, at = self._text, self._start, 0
        units: list[tuple[int, int, str, str]] = []
        while True:
            at, there = self._code.skip(text, at, last=last) if self._code else (len(text), False)
            if not there or (judged := self._judge(text, at, last=last)) is None:
                break
            length, span = judged
            if span is not None:
                units.append((span.start, span.end, span.rule, span.replacement))
            at += length
        spans = self._joiner.take(units, text, start, start + at, base=start)
        if self._code is not None and at:
            self._code.previous = text[at - 1]
        self._start += at
        self._text = text[at:]
        # Nothing that is taken begins before one of these: other text need not wait for what it is.
        undecided = _MAY_BEGIN.search(self._text)
        self.settled = self._joiner.settled(
            self._start + (undecided.start() if undecided else len(self._text))
        )
        return spans

    def _judge(self, text: str, at: int, *, last: bool) -> tuple[int, Span | None] | None:
        """What begins here: how much of the text has been read, and what has to change; None where more text
        must decide.
        """
        if text[at] == "<":
            if self._code is not None:
                self._code.tag_kept()  # perhaps: then less is code for certain
            return 1, None
        following = text[at + 1 : at + 2]
        if not following:
            return (1, None) if last else None
        if text[at] == "!":
            return self._image(text, at, last=last) if following == "[" else (1, None)
        return self._link(text, at, last=last) if following in "(:" else (1, None)

    def _image(self, text: str, at: int, *, last: bool) -> tuple[int, Span | None] | None:
        if self._images == "any":
            return 1, None
        taken = Span(self._start + at, self._start + at + 1, IMAGE, 1.0, replacement="&#33;")
        if not self._origins:
            return 1, taken
        ahead = text[at : at + MAX_IMAGE]
        if found := _WHOLE_IMAGE.match(ahead):
            address = _IMAGE_ADDRESS.search(found.group())
            listed = address is not None and self._origins.has(address[1])
            return (len(found.group()), None) if listed else (1, taken)
        if not last and len(ahead) < MAX_IMAGE and _IMAGE_BEGINNING.match(ahead):
            return None
        return 1, taken

    def _link(self, text: str, at: int, *, last: bool) -> tuple[int, Span | None] | None:
        """What stands behind `](` or `]:`."""
        blanks = _BLANKS.match(text, at + 2)
        assert blanks is not None
        first = blanks.end()
        if text[first : first + 1] in _NO_ADDRESS:
            return 2, None
        if self._only_queries and (plain := _PLAIN_LINK.match(text, first)):
            query, end = plain.span(1)
            return (2, None) if query < 0 else (end - at, self._span(query, end, ""))
        angle = text[first : first + 1] == "<"
        address = Address(text, first + angle, angle=angle, last=last)
        try:
            return self._judged(address, text, at)
        except MoreNeeded:
            return None

    def _judged(self, address: Address, text: str, at: int) -> tuple[int, Span | None]:
        scheme = address.scheme()
        behind = address.at
        if scheme == "":
            return 2, None
        if scheme is None or scheme not in (*SCHEMES, "//"):
            if not address.next():
                return 2, None  # `[1]: Note: …` is prose
            return behind - at, self._span(address.first, behind, "#")
        if self._links == "any":
            return 2, None
        query = address.query()
        is_letter = scheme == "mailto"
        if is_letter and query is None:
            return 2, None
        end = query if query is not None else address.at
        written = text[address.first : end]
        # Browsers take `https:x.example` for it too.
        begins = written.lower().startswith("mailto:" if is_letter else f"{scheme}://")
        plainly = begins and "&" not in written and "\\" not in written
        if plainly and (self._links == "listed" or self._origins.has(written)):
            return 2, None  # AddressFilter sees to addresses that are written plainly
        if self._links == "listed":
            end = address.skip()
            return end - at, self._span(address.first, end, REMOVED)
        if query is None:
            return 2, None
        end = address.skip()
        return end - at, self._span(query, end, "")

    def _span(self, start: int, end: int, replacement: str) -> Span:
        return Span(self._start + start, self._start + end, LINK, 1.0, replacement=replacement)


class LinkFilter:
    """Answers only, and only where somebody renders them."""

    stage = Stage.MARKUP
    rules = frozenset({LINK, IMAGE})

    def open_prompt(self, policy: Policy) -> None:
        return None

    def open_answer(self, policy: Policy) -> LinkScan | None:
        done = {(policy.action("answer", rule), policy.threshold(rule)) for rule in self.rules}
        wanted = any(action is not Action.OFF for action, _ in done)
        return LinkScan(policy, alike=len(done) == 1) if policy.html == "markdown" and wanted else None


class _ListedOnly(PatternDetector):
    """Addresses whose origin is not listed, wherever they stand, and `mailto:` with a query."""

    rule = LINK
    category = Category.ANSWER
    score = 1.0
    keywords = ("://", "www.", "mailto:")
    pattern = (
        r"(?i:https?://|www\.)[^\s<>\"'`()\[\]]{1,480}"
        r"|(?i:mailto:)[^\s<>\"'`()?]{0,320}\?[^\s<>\"'`()]{1,160}"
    )

    def __init__(self, origins: Origins) -> None:
        super().__init__()
        self._origins = origins

    def accept(self, candidate: str) -> int:
        return 0 if self._origins.has(candidate) else len(candidate)


class AddressScan:
    """One answer's way: takes every address away that is not listed."""

    def __init__(self, plan: Plan) -> None:
        self._scan = DetectorScan(plan)

    @property
    def settled(self) -> int:
        return self._scan.settled

    def feed(self, piece: str, *, last: bool) -> list[Span]:
        found = self._scan.feed(piece, last=last)
        return [span._replace(replacement=REMOVED) for span in found]


class AddressFilter:
    """Answers only, under a policy that lists where links may go: then no other address is shown, in code
    neither, whatever makes links of addresses.
    """

    stage = Stage.MARKUP
    rules = frozenset({LINK})

    def __init__(self) -> None:
        self._plans: dict[tuple[str, ...], Plan] = {}

    def open_prompt(self, policy: Policy) -> None:
        return None

    def open_answer(self, policy: Policy) -> AddressScan | None:
        if policy.links != "listed" or policy.action("answer", LINK) is Action.OFF:
            return None
        if policy.origins not in self._plans:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            self._plans[policy.origins] = Plan([_ListedOnly(Origins(policy.origins))])
        return AddressScan(self._plans[policy.origins])
