"""Passwords, by the word for them in code, configuration, command lines and sentences."""

import re

from sanitization.detectors.base import PatternDetector
from sanitization.detectors.wording import (
    DOTTED,
    ELSEWHERE,
    IDENTIFIER,
    IN_ITS_PLACE,
    is_by_chance,
    is_worded,
    listed,
)
from sanitization.rules import Category

# What people take for a password; `password1` is what code calls a variable.
_WORD_AND_NUMBER = re.compile(r"(?!pass|pwd|secret|arg|param|value)[A-Za-z][a-z]+\d+")

_ENGLISH = r"(?i:passw(?:or)?d|passcode|passphrase|pwd)[\w.-]{0,20}"
_FOREIGN_NAMES = listed(
    "passwort kennwort mot_de_passe contraseña contrasena senha wachtwoord lösenord hasło parola пароль "
    "密码 密碼 口令 パスワード 비밀번호 رمز_عبور گذرواژه كلمة_المرور"
)
_FOREIGN = f"(?i:{'|'.join(_FOREIGN_NAMES)})"
_OF = rf"(?i:for|of|to|on|from|{'|'.join(listed('für von zu zum zur de del du da do pour para от для к'))})"
_WHOSE = rf"(?:\s{_OF}\s[^\n\"'`=:;,(){{}}<>]{{1,40}}?)?"
_IS = rf"(?i:{'|'.join(listed('ist lautet war est es é è это من'))}|-)"
_IS_WITHOUT_BLANKS = "[是为為は는은]"
_ASSIGNS = r"(?:[\"'`]{0,2}\s{0,8}(?:=>|:=|[=:])[ \t]{0,3}|>)"
QUOTED = r"\"[^\"\n]{4,64}\"|'[^'\n]{4,64}'|`[^`\n]{4,64}`"
_BARE = r"[^\s\"'`,;<>(){}\[\]]{5,64}"
_REFERENCE = re.compile(r"\$+\w+(?:(?:->|[.:]+)\w+)*[-.:]*|%[\w.]+%")
_HYPHENATED = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+){1,2}")  # with more it is a passphrase


def is_stand_in(text: str) -> bool:
    """Whether it refers to a password that is elsewhere, or stands for any."""
    return bool(
        _REFERENCE.fullmatch(text)
        or ELSEWHERE.match(text.lstrip("$%"))
        or DOTTED.fullmatch(text)
        or len(set(text)) < 3
        or set(text) <= set("*x.-_")
    )


def is_mixed(text: str) -> bool:
    """Whether there are digits or symbols in it, beside letters or many of them."""
    is_odd = any(char.isdigit() or not char.isalnum() for char in text.strip("-_."))
    return is_odd and (any(map(str.isalpha, text)) or len(text) >= 6)


def is_in_code(text: str) -> bool:
    """Whether code calls something so: `hunter2` is what people take, and no name."""
    is_one = IDENTIFIER.fullmatch(text) and not _WORD_AND_NUMBER.fullmatch(text)
    return bool(is_one) and is_worded(text, share=0.5)


class Password(PatternDetector):
    """Passwords and passphrases that are assigned in code and configuration, or told in a sentence.

    In a sentence only what no word looks like is taken: it holds a digit or a symbol, or changes between
    small letters and capitals as no name does. A password that is a plain word is found where it is quoted
    behind an assignment.
    """

    rule = "password"
    version = 3
    category = Category.SECRET
    score = 0.75
    keywords = ("passw", "passcode", "passphrase", "pwd", "pass", "pw", *_FOREIGN_NAMES)
    pattern = (
        rf"(?:{_ENGLISH}|[_-](?i:pass)|{_FOREIGN}){_WHOSE}{_ASSIGNS}(?:(?P<quoted>{QUOTED})|(?P<bare>{_BARE}))"
        rf"|{_ENGLISH}{_WHOSE}\s(?i:is|was)(?i: now| still)?:?\s{{1,2}}[\"'`]?(?P<told>[^\s\"'`]{{5,64}})"
        rf"|{_FOREIGN}{_WHOSE}(?:\s(?:{_IS}:?\s)?|\s?{_IS_WITHOUT_BLANKS}\s?)[\"'`]?"
        rf"(?P<said>[!#$%&*+./0-9:=?@A-Z\\^_a-z|~-]{{5,64}})"
        rf"|\b(?i:pass)[\"'`]?\s{{0,3}}(?:=>|[=:])[ \t]{{0,3}}(?P<short>{QUOTED})"
        rf"|\b(?i:pw)[\"'`]?\s{{0,3}}[=:][ \t]{{0,3}}(?P<brief>{_BARE})"
        rf"|--(?i:password|passwd|passphrase|pass|pwd)[ \t]{{1,3}}[\"']?(?P<option>{_BARE})"
    )

    def judge(self, group: str, candidate: str) -> int:
        inner = candidate[1:-1] if group in ("quoted", "short") else candidate.rstrip(".,;:!?)")
        if is_stand_in(inner):
            return 0
        inner = inner.strip("$%")  # of a reference inside of it, as in `prefix-${NAME}`
        if group in ("quoted", "short"):
            is_own = is_mixed(inner) or (inner.isalpha() and inner.lower() not in IN_ITS_PLACE)
            return len(candidate) if is_own else 0
        if group == "brief" and len(inner) < 8:
            return 0
        is_told = group in ("told", "said")
        is_word = bool(_HYPHENATED.fullmatch(inner)) if is_told else is_in_code(inner)
        if (is_word or not is_mixed(inner)) and not is_by_chance(inner):
            return 0
        return len(inner) if is_told else len(candidate)
