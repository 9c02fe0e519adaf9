r"""
From a pattern, the pattern of its beginnings: what lets a stream know which tail may still become a match.

    email          \w+@\w+\.com
    beginnings     (?:\w*|\w+(?:|@(?:\w*|\w+(?:|\.(?:|c(?:|o(?:))))))))\z

`beginnings(p)`, anchored at the end of the known text, matches every tail that is the start of a possible
match, and every complete match that more text could still change: by making it longer, or by deciding the
\b at its end. A match that starts before the leftmost such tail is final, and there is no other one there.

    P(character)   nothing: one character is either there or not
    P(x{m,n})      x{0,n-1} P(x)
    P(a|b)         P(a) | P(b)
    P(x y …)       P(x) | x P(y …)
    P(\b), P($)    nothing, but "x P(\b)" keeps the x before it

A repeat of more than LOOSE is written without its limits. That holds a longer tail than necessary where a run
is longer than any match, which is rare and safe; exact counts would make an automaton that knows for every
character of a word all the counts it might be at, which costs milliseconds a word.

Python's own parser reads the pattern; the result is written for RE2. The subset is what both understand in
the same way: no look-around, no back-references, and no `^`: a pattern that cares what stands before it
names that character, and every text is given one to start with.
"""

import re
from collections.abc import Sequence
from typing import Any

_parser: Any = re._parser  # type: ignore[attr-defined]  # deprecated as sre_parse, still what re uses
_c: Any = re._constants  # type: ignore[attr-defined]

_CATEGORIES = {
    _c.CATEGORY_DIGIT: r"\d",
    _c.CATEGORY_NOT_DIGIT: r"\D",
    _c.CATEGORY_SPACE: r"\s",
    _c.CATEGORY_NOT_SPACE: r"\S",
    _c.CATEGORY_WORD: r"\w",
    _c.CATEGORY_NOT_WORD: r"\W",
}
_ANCHORS = {
    _c.AT_END: r"\z",
    _c.AT_END_STRING: r"\z",
    _c.AT_BOUNDARY: r"\b",
    _c.AT_NON_BOUNDARY: r"\B",
}

LOOSE = 32

Node = tuple[Any, Any]


def beginnings(pattern: str) -> str:
    """The RE2 expression, without its final anchor. ValueError if the pattern leaves the subset."""
    tree = parsed(pattern)
    body = _begin_all(list(tree))
    return f"(?{_letters(tree.state.flags)}:{body})" if _letters(tree.state.flags) else body


def width(pattern: str) -> int | None:
    """The most characters a match can have, None without a limit."""
    longest = int(parsed(pattern).getwidth()[1])
    return None if longest >= int(_c.MAXREPEAT) else longest


def is_led_by_one(pattern: str) -> bool:
    """Whether it is one character and behind it one group, which is all of the rest."""
    nodes = list(parsed(pattern))
    if len(nodes) != 2 or nodes[0][0] not in (_c.IN, _c.LITERAL, _c.NOT_LITERAL, _c.ANY):
        return False
    kind, value = nodes[1]
    return kind is _c.SUBPATTERN and value[0] is not None and parsed(pattern).state.groups == 2


def parsed(pattern: str) -> Any:
    """The tree that Python's own parser makes of it. ValueError if it is no regular expression."""
    try:
        return _parser.parse(pattern, re.ASCII)
    except re.error as error:
        raise ValueError(f"{error} in a pattern, so it cannot be streamed") from error


def _letters(flags: int) -> str:
    """The flags RE2 knows too. `(?a)`, which Python sets by itself, is how RE2 always reads."""
    return "".join(letter for flag, letter in ((re.IGNORECASE, "i"), (re.DOTALL, "s")) if flags & flag.value)


def _begin_all(nodes: Sequence[Node]) -> str:
    """P of a sequence, nested to the right, so that each element is written once in full."""
    text = ""
    for node in reversed(nodes):
        first = _begin(node)
        text = f"(?:{first}|{_whole(node)}{text})" if text else f"(?:{first})"
    return text or "(?:)"


def _begin(node: Node) -> str:
    kind, value = node
    if kind in (_c.LITERAL, _c.NOT_LITERAL, _c.ANY, _c.IN, _c.AT):
        _whole(node)  # refuses what is outside the subset
        return ""
    if kind is _c.BRANCH:
        return "|".join(_begin_all(list(branch)) for branch in value[1])
    if kind is _c.SUBPATTERN:
        return _flagged(value, _begin_all(list(value[3])))
    if kind in (_c.MAX_REPEAT, _c.MIN_REPEAT):
        _, most, inner = value
        whole = _whole_all(list(inner))
        return f"(?:{whole}){_times(0, most if most > LOOSE else most - 1)}{_begin_all(list(inner))}"
    raise ValueError(f"{kind} cannot be streamed")


def _whole_all(nodes: Sequence[Node]) -> str:
    return "".join(_whole(node) for node in nodes)


def _whole(node: Node) -> str:
    """The node itself, written for RE2."""
    kind, value = node
    if kind is _c.LITERAL:
        return _char(value)
    if kind is _c.NOT_LITERAL:
        return f"[^{_char(value)}]"
    if kind is _c.ANY:
        return "."
    if kind is _c.IN:
        return "[" + "".join(_class_item(item) for item in value) + "]"
    if kind is _c.AT and value in _ANCHORS:
        return _ANCHORS[value]
    if kind is _c.BRANCH:
        return "(?:" + "|".join(_whole_all(list(branch)) for branch in value[1]) + ")"
    if kind is _c.SUBPATTERN:
        return _flagged(value, _whole_all(list(value[3])))
    if kind in (_c.MAX_REPEAT, _c.MIN_REPEAT):
        least, most, inner = value
        return f"(?:{_whole_all(list(inner))}){_times(least, most)}"
    raise ValueError(f"{kind} cannot be streamed")


def _times(least: int, most: Any) -> str:
    """The count of a repeat, loosened where it is long."""
    if most > LOOSE:
        return f"{{{least if least <= LOOSE else 1},}}"
    return f"{{{least},{most}}}"


def _flagged(value: Any, body: str) -> str:
    _, added, removed, _ = value
    if removed:
        raise ValueError("a pattern that switches flags off inside cannot be streamed")
    return f"(?{_letters(added)}:{body})"


def _class_item(item: Node) -> str:
    kind, value = item
    if kind is _c.NEGATE:
        return "^"
    if kind is _c.LITERAL:
        return _char(value)
    if kind is _c.RANGE:
        return f"{_char(value[0])}-{_char(value[1])}"
    if kind is _c.CATEGORY:
        return _CATEGORIES[value]
    raise ValueError(f"{kind} cannot be streamed")


def _char(code: int) -> str:
    return chr(code) if chr(code).isascii() and chr(code).isalnum() else f"\\x{{{code:x}}}"
