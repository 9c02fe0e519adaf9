"""How a national number is recognized: its form, its check digits, and the words in front of it."""

from functools import cache
from importlib import import_module
from typing import Any, ClassVar

from sanitization.detectors.base import ContextualDetector

LEFT = r"(?:[^A-Za-z0-9.-]|[^0-9]\.)"
RIGHT = r"(?:[^A-Za-z0-9-]|-(?:[^A-Za-z0-9]|$)|$)"
# What every number of some form has. Prose has a year or an amount in every few lines, and little else.
FIVE_DIGITS = r"\d(?:[ .:/-]{0,2}\d){4}"
LETTERS_AND_DIGITS = r"[A-Za-z]\d|\d[A-Za-z]"
ANY_DIGIT = r"\d"


def _anything(candidate: str) -> bool:
    return True


class NationalNumber(ContextualDetector):
    """`standard` names the module of python-stdnum that knows the check digits, `valid` is a check of ours.

    `separated` is a character that such a number is written with and others are not: with it the number
    speaks for itself.
    """

    needs = FIVE_DIGITS
    value: ClassVar[str]
    standard: ClassVar[str] = ""
    separated: ClassVar[str] = ""
    valid: ClassVar[Any] = staticmethod(_anything)  # takes a candidate, says whether it can be one

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.pattern = rf"{LEFT}(?P<value>{cls.value}){RIGHT}"
        if cls.separated:
            cls.alone = 0.6

    def accept(self, candidate: str) -> int:
        return len(candidate) if self._is_right(candidate) else 0

    def _is_right(self, candidate: str) -> bool:
        if not self.standard:
            return bool(type(self).valid(candidate))
        standard = _standard(self.standard)
        try:
            return bool(standard.is_valid(candidate))
        except Exception:  # noqa: BLE001  # of the library's own: what it cannot judge is not shown
            return True

    def rate(self, text: str, begin: int) -> float:
        score = super().rate(text, begin)
        if score < self.score and self.separated:
            return self.alone if self.separated in text[begin : begin + 10] else self.weak
        return score


@cache
def _standard(name: str) -> Any:
    return import_module(f"stdnum.{name}")
