"""
Words: how the folded text has those that tell of a value, and what stands for a value rather than being one,
which is names in code, references to where it really is, and what documentation writes in its place.
"""

import re
from collections.abc import Iterable

from sanitization.normalize import fold

UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
DOTTED = re.compile(r"[A-Za-z_]\w{0,39}(?:\.[A-Za-z_]\w{0,39})+")
IDENTIFIER = re.compile(
    r"[A-Za-z_]+(?:[._-][A-Za-z_]+)*\d{0,2}|[a-z]+(?:[A-Z][a-z]+)+\d{0,2}|[./~]?(?:/[\w.-]+)+/?"
)
ELSEWHERE = re.compile(
    r"[$%{<\[(]|process\.env|os\.environ|getenv|secrets\.|vault:|env\.|https?:", re.IGNORECASE
)
IN_ITS_PLACE = frozenset(
    {
        *("password", "passwd", "pass", "pwd", "yourpassword", "your_password", "secret", "changeme"),
        *("string", "text", "null", "none", "true", "false", "required"),
    }
)
# What names in code are made of: capitals, or small letters with a capital before them or none.
_HUMP = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_VOWEL = re.compile("[aeiouy]", re.IGNORECASE)


def as_read(words: Iterable[str]) -> set[str]:
    """Words in small letters, in capitals and with a capital, as the folded text has them: a Cyrillic word
    folds to other letters in capitals."""
    return {fold(form)[0] for word in words for form in (word, word.upper(), word.capitalize())}


def listed(words: str) -> list[str]:
    """Words of a list, with a `_` for a blank, as the folded text has them, in small letters."""
    return sorted({form.lower() for form in as_read(word.replace("_", " ") for word in words.split())})


def is_in_its_place(text: str) -> bool:
    """Whether it is what is written in place of a password, or refers to one."""
    return text.lower() in IN_ITS_PLACE or not text.strip("*x.") or bool(ELSEWHERE.match(text))


def is_worded(text: str, *, share: float = 0.7) -> bool:
    """Whether so large a share of its letters stands in words, of three letters and more with a vowel: names
    in code are made of them, and random texts of small letters and capitals are not. By a share of 0.7 so are
    99.1 % of 42,000 such names and 3 to 11 % of random texts, by one of 0.6 99.7 % and 9 to 19 %. A text in
    one case is worded: nothing is known of it."""
    if text in (text.lower(), text.upper()):
        return True
    humps = _HUMP.findall(text)
    words = sum(len(hump) for hump in humps if len(hump) > 2 and _VOWEL.search(hump))
    return words >= share * sum(map(len, humps))


def is_name(text: str) -> bool:
    """Whether it stands for a value rather than being one: the name of a variable, or a path."""
    has_digit = any(map(str.isdigit, text))
    return (not has_digit or bool(IDENTIFIER.fullmatch(text))) and is_worded(text, share=0.6)


def is_by_chance(text: str) -> bool:
    """Whether it changes between small letters and capitals as no name does, which needs no digit."""
    share = 0.6 if len(text) >= 10 else 0.3  # names of a few short words look random sooner
    return len(text) >= 8 and not is_worded(text, share=share)
