"""
The regular expressions that an operator may enter, and the detectors that look for them.

They must be what RE2 and `partial` read in the same way, and short: a stream can wait for the end of a match,
not for that of a text. All else is refused, with a sentence that says why.
"""

import re
from collections.abc import Iterator
from typing import Any

import re2

from sanitization.detectors.base import PatternDetector
from sanitization.normalize import fold
from sanitization.partial import beginnings, parsed, width
from sanitization.policies import CustomRule

# The most characters of a match: of what a pattern can match, and of a word or phrase.
WIDTH = 256
# Python reads groups by recursion.
MAX_GROUPS = 50
# An escaped character, or a set: its first character may be a bracket.
_SET = re.compile(r"\\.|\[\^?((?:\]|\\.)?(?:[^\]\\]|\\.)*)", re.DOTALL)
_TWICE = re.compile(r"--|&&|~~|\|\|")
_ANCHORS = ("AT_BEGINNING", "AT_BEGINNING_STRING", "AT_END", "AT_END_STRING")


def detector_of(rule: CustomRule) -> PatternDetector:
    """The detector of a pattern. ValueError with a sentence for the operator."""
    pattern = _folded(rule.text)
    try:
        _examine(pattern)
        made = f"(?i:{pattern})" if rule.ignore_case else f"(?:{pattern})"
        _tree(made)
    except (RecursionError, OverflowError):
        raise ValueError("This is nested or repeated too often.") from None
    named = {"rule": rule.rule, "pattern": made, "score": 1.0, "__doc__": "An operator's own pattern."}
    try:
        detector: PatternDetector = type("OperatorPattern", (PatternDetector,), named)()
        detector.hold("\n", 0)  # compiles what is compiled late
    except re2.error as error:
        raise ValueError(f"RE2 does not take this: {_reason(error)}.") from None
    return detector


def _examine(pattern: str) -> None:
    """ValueError with a sentence about why a pattern cannot be used."""
    if pattern.count("(") > MAX_GROUPS:
        raise ValueError(f"A pattern has at most {MAX_GROUPS} groups.")
    if any("[" in inner or _TWICE.search(inner) for inner in _sets(pattern)):
        raise ValueError(
            "Sets in sets are ambiguous: write \\[ for a bracket, and a character of a set once."
        )
    tree = _tree(pattern)
    if tree.state.groupdict:
        raise ValueError("Named groups are not supported: what is found is the whole match.")
    if any(str(value) in _ANCHORS for kind, value in _nodes(tree) if str(kind) == "AT"):
        raise ValueError("Anchors to the ends of the text (^, $, \\A, \\Z) are not supported.")
    if "{," in pattern:
        raise ValueError("Write {0,n} for {,n}: RE2 does not read it as a count.")
    if int(tree.getwidth()[0]) == 0:
        raise ValueError("This can match the empty text, which is everywhere.")
    longest = width(pattern)
    if longest is None or longest > WIDTH:
        raise ValueError(
            f"A match may have at most {WIDTH} characters: write limits for repeats, as in {{1,20}}."
        )
    try:
        beginnings(pattern)
    except ValueError:
        raise ValueError(
            "Only plain expressions: no look-around, back-references, atomic groups, switched-off flags."
        ) from None


def _sets(pattern: str) -> Iterator[str]:
    """What stands in the brackets of a pattern, without what is escaped."""
    for found in _SET.finditer(pattern):
        if found[1] is not None:
            yield re.sub(r"\\.", "", found[1], flags=re.DOTALL)


def _tree(pattern: str) -> Any:
    """The tree of a pattern. ValueError with a sentence."""
    try:
        return parsed(pattern)
    except ValueError as error:
        reason = str(error.__cause__ or error)
        raise ValueError(f"This is no regular expression: {reason}.") from None


def _reason(error: Exception) -> str:
    given = error.args[0] if error.args else "unknown"
    return given.decode("utf-8", "replace") if isinstance(given, bytes) else str(given)


def _nodes(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Every node of a parsed pattern, at any depth."""
    waiting = list(tree)
    while waiting:
        kind, value = waiting.pop()
        yield kind, value
        if str(kind) == "BRANCH":
            waiting += [node for branch in value[1] for node in branch]
        elif str(kind) in ("SUBPATTERN", "MAX_REPEAT", "MIN_REPEAT"):
            waiting += list(value[-1])


def _folded(pattern: str) -> str:
    """The pattern with its characters as the copy has them; none becomes an operator."""
    return "".join(char if char.isascii() else _one_folded(char) for char in pattern)


def _one_folded(char: str) -> str:
    reads = fold(char)[0]
    if len(reads) != 1:
        raise ValueError(
            f"Texts are folded before they are matched, so {char!r} never occurs: write {reads!r}."
        )
    return f"\\{reads}" if reads.isascii() and not reads.isalnum() and reads != " " else reads
