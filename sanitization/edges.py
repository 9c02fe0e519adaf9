r"""
Where quoting begins and ends around a value, so that what replaces the value leaves it whole. Texts hold
JSON, code and shell lines; a pattern sees characters, and takes the `n` of `\nann@x.io` for a part of the
address, or the quote behind a password for its last character.

    \n|ann@x.io       an escape before a value keeps its letter
    "|hunter2|"       quotes around a value stay
    hunter2|",        and so does a quote behind it with what can only follow a quote
    hunter2|\"        a backslash belongs to the quote it escapes

It knows no more than that of any notation.
"""

import re

# A run of backslashes longer than this says nothing about what it escapes.
LONGEST_RUN = 64

# A value without any of it, and without a backslash in front, is not quoted: nearly all are so.
QUOTING = re.compile(r"[\"'`\\]")

_ESCAPED = re.compile(r'u[0-9A-Fa-f]{4}|["\\/bfnrt]')
_QUOTED = re.compile(r'(\\?["\'`])(.+)\1', re.DOTALL)
_TRAILING_QUOTE = re.compile(r'["\'][ \t\r\n,;:)\]}]{0,8}\Z')
_LONGEST_GAP = 8
_KEY = re.compile(rf'(\\*)["\'][ \t]{{0,4}}:[ \t\r\n]{{0,{_LONGEST_GAP}}}\Z')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")


def trimmed(value: str, *, backslashes: int) -> tuple[int, int]:
    """Which part of this value, which has QUOTING in it or behind a backslash stands, is the value;
    `backslashes` is how many stand right before it.
    """
    start, end = 0, len(value)
    if 0 < backslashes < LONGEST_RUN and backslashes % 2 and (letter := _ESCAPED.match(value)):
        start = letter.end()
    if quoted := _QUOTED.fullmatch(value, start):
        start, end = quoted.span(2)
    elif (quote := _TRAILING_QUOTE.search(value, start)) and value.count(quote[0][0], start) % 2:
        end = quote.start()
    if run_before(value, end) % 2:
        end -= 1
    return (start, end) if start < end else (0, len(value))


def run_before(text: str, at: int) -> int:
    """How many backslashes stand before this place, LONGEST_RUN at most."""
    before = text[max(0, at - LONGEST_RUN) : at]
    return len(before) - len(before.rstrip("\\"))


def is_number(value: str) -> bool:
    """Whether this is a number as JSON writes it, without an exponent."""
    return value[-1:].isdigit() and _NUMBER.fullmatch(value) is not None


def quote_behind_key(before: str) -> str | None:
    """What a string begins with behind this text, if it ends with `"key":`; in a string that holds JSON,
    quotes are escaped.
    """
    if not before[-_LONGEST_GAP - 1 :].rstrip(" \t\r\n").endswith(":"):
        return None
    key = _KEY.search(before)
    return f'{key[1]}"' if key else None
