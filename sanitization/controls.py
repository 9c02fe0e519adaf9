"""
Strips from answers what a terminal would obey and what a reader cannot see (OWASP LLM10, 2026).

    control_bytes       escape sequences (ECMA-48: CSI, the strings OSC, DCS, SOS, PM and APC with their
                        terminator, and the short ones), other C0 and C1 control bytes, halves of surrogate
                        pairs, which are no characters and cannot be sent
    hidden_characters   bidi embeddings, overrides and isolates, which show a text in another order than it
                        is stored and copied ("Trojan Source", CVE-2021-42574), and tag characters (U+E0000 to
                        U+E007F), in which a text can hide. Marks that ordinary right-to-left text needs
                        (LRM, RLM, ALM), joiners, and the tags in the flags of England, Scotland and Wales
                        stay

Sequences are bounded; of one that is longer or never ends, only the control bytes go and the rest is text.
A string ends before any other control byte but those for layout, as the standard has it, so that every
character is read at most twice.
"""

import re

from sanitization.filters import Backlog, Stage
from sanitization.joining import Joiner
from sanitization.policies import Policy
from sanitization.rules import Category, Rule, declare
from sanitization.spans import Action, Span

CONTROL, HIDDEN = "control_bytes", "hidden_characters"

declare(
    Rule(
        CONTROL,
        Category.ANSWER,
        "Escape sequences and control bytes that a terminal would obey.",
        prompt=Action.OFF,
        answer=Action.REMOVE,
        version=2,
    ),
    Rule(
        HIDDEN,
        Category.ANSWER,
        "Bidi overrides and isolates, and tag characters, which hide or reorder text.",
        prompt=Action.OFF,
        answer=Action.REMOVE,
    ),
)

# Python's `re`, although answers are hostile: every repeat is bounded and possessive, so nothing is read
# twice by one pattern.
_CSI = r"(?:\x1b\[|\x9b)[0-?]{0,64}+[ -/]{0,16}+"
_STRING = r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x00-\x08\x0e-\x1f\x7f-\x9f]{0,1000}+"
_SHORT = r"\x1b[ -/]{1,4}+"
_CONTROLS = r"\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff"
_HIDDEN = r"\u202a-\u202e\u2066-\u2069\U000e0000-\U000e007f"
_TAGS = "\U0001f3f4\U000e0067\U000e0062"  # black flag, then g and b as tags
_FLAGS = tuple(
    _TAGS + "".join(chr(0xE0000 + ord(char)) for char in code) + "\U000e007f"
    for code in ("eng", "sct", "wls")
)
_BLACK_FLAG = _TAGS[0]

_ANY = re.compile(f"[{_CONTROLS}{_HIDDEN}{_BLACK_FLAG}]")
_SEQUENCE = re.compile(
    rf"{_CSI}[@-~]|{_STRING}(?:\x07|\x1b\\|\x9c)|{_SHORT}[0-~]|\x1b[0-Z\\^-~]|[{_CONTROLS}]|(?P<hidden>[{_HIDDEN}])"
    rf"|(?P<flag>{'|'.join(_FLAGS)})"
)
_RULES = {None: CONTROL, "hidden": HIDDEN, "flag": ""}
_LONGEST_OPEN = 1100
# What more text could make a longer sequence.
_UNFINISHED = re.compile(rf"(?:{_CSI}|{_STRING}\x1b?|{_SHORT}|\x1b)\Z")
_OPENING = re.compile(rf"[\x1b\x90\x98\x9b\x9d-\x9f{_BLACK_FLAG}]")
_PLAIN = bytes([9, 10, 13, *range(0x20, 0x7F)])


class ControlScan:
    """One answer's way through. `rules` are those that are looked for; `alike` says that the same is done
    about all of them.
    """

    def __init__(self, rules: frozenset[str], *, alike: bool = False) -> None:
        self._rules = rules
        self._text = ""
        self._start = 0  # position of text[0] in the answer
        self._backlog = Backlog()
        self._joiner = Joiner(mixes=alike)
        self.settled = 0

    def feed(self, piece: str, *, last: bool) -> list[Span]:
        if not (last or self._text or self._backlog.waiting) and _next(piece, 0) < 0:
            self._start += len(piece)  # the usual piece: nothing in it, and nothing before it is open
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
        """Everything that is certain; keeps what more text could change."""
        text, start = self._text, self._start
        units, at = self._units(text, last=last)
        spans = self._joiner.take(units, text, start, start + at, base=start)
        self._text = text[at:]
        self._start += at
        self.settled = self._joiner.settled(self._start)
        return spans

    def _units(self, text: str, *, last: bool) -> tuple[list[tuple[int, int, str, str]], int]:
        """What is to go, and up to where it is certain that this is all."""
        units, at, start, rules = [], 0, self._start, self._rules
        far = len(text) if last else _certain(text)
        for found in _SEQUENCE.finditer(text) if _next(text, 0) >= 0 else ():
            here, end = found.span()
            if here >= far:
                break
            at = end
            if (rule := _RULES[found.lastgroup]) in rules:
                units.append((start + here, start + end, rule, ""))
        at = max(at, far)
        while (here := _next(text, at)) >= 0:
            if not last and _open(text, here):
                return units, here
            at, rule = _judge(text, here)
            if rule in rules:
                units.append((start + here, start + at, rule, ""))
        return units, len(text)


def _next(text: str, at: int) -> int:
    """Where the next character of interest is, -1 if none."""
    if at == 0 and text.isascii() and not text.encode().translate(None, _PLAIN):
        return -1
    found = _ANY.search(text, at)
    return found.start() if found else -1


def _certain(text: str) -> int:
    """Nothing that begins before this place is open."""
    found = _OPENING.search(text, max(0, len(text) - _LONGEST_OPEN))
    return found.start() if found else len(text)


def _open(text: str, at: int) -> bool:
    """Whether what begins here reaches the end of the text and could go on."""
    if text[at] == _BLACK_FLAG:
        rest = text[at : at + len(_FLAGS[0])]
        return any(flag != rest and flag.startswith(rest) for flag in _FLAGS)
    return _UNFINISHED.match(text, at) is not None


def _judge(text: str, at: int) -> tuple[int, str]:
    """What begins here: where it ends, and the rule it falls under, empty where it stays."""
    found = _SEQUENCE.match(text, at)
    return (at + 1, "") if found is None else (found.end(), _RULES[found.lastgroup])  # a flag that is black


class ControlFilter:
    """Answers only: a prompt with NUL is refused before, and no model obeys terminal codes."""

    stage = Stage.BYTES
    rules = frozenset({CONTROL, HIDDEN})

    def open_prompt(self, policy: Policy) -> None:
        return None

    def open_answer(self, policy: Policy) -> ControlScan | None:
        actions = {rule: policy.action("answer", rule) for rule in self.rules}
        wanted = frozenset(rule for rule, action in actions.items() if action is not Action.OFF)
        alike = len({(actions[rule], policy.threshold(rule)) for rule in wanted}) == 1
        return ControlScan(wanted, alike=alike) if wanted else None
