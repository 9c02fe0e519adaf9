"""US social security numbers, which every other detector of numbers has to leave alone."""

import re

from sanitization.detectors.base import ContextualDetector

_GAP = r"(?: ?[ ._/-] ?|--|-?[\n\t])?"
_GROUPS = re.compile(rf"\d{{3}}({_GAP})\d\d({_GAP})\d{{4}}")
# Both gaps are the same one of these in nothing else.
_TELLING = frozenset({"-", "--", "."})


class UsSsn(ContextualDetector):
    """US social security numbers: separated in the usual way, or told by their name.

    Areas 000, 666 and 900 up, group 00 and serial 0000 are never issued (SSA POMS RM 10201.035). What looks
    like one is masked all the same from 900 up, where taxpayer numbers lie and test data is made, and so are
    famous invalid ones such as 078-05-1120: people do use them. With blanks between, or with one separator,
    house numbers and postal codes look the same, so these forms need their name.
    """

    rule = "us_ssn"
    aliases = ("US_SSN",)
    context = ("ssn", "social security", "social-security", "ss#", "soc sec")
    version = 3
    alone = 0.85
    parts = (3, 2, 4)
    pattern = (
        r"(?:[^A-Za-z0-9.-]|[^0-9]\.)"
        rf"(?P<value>\d{{3}}{_GAP}\d{{2}}{_GAP}\d{{4}})(?:[^A-Za-z0-9-]|-(?:[^0-9]|$)|$)"
    )
    needs = rf"\d{{3}}{_GAP}\d\d"

    def accept(self, candidate: str) -> int:
        digits = "".join(char for char in candidate if char.isdigit())
        area, group, serial = digits[:3], digits[3:5], digits[5:]
        possible = area not in ("000", "666") and group != "00" and serial != "0000"
        bare_sample = candidate == "078051120"  # printed on the sample cards of a wallet maker
        return len(candidate) if possible and not bare_sample else 0

    def rate(self, text: str, begin: int) -> float:
        score = super().rate(text, begin)
        found = _GROUPS.match(text, begin)
        gaps = {gap.strip() for gap in found.groups()} if found else set()
        separated = len(gaps) == 1 and gaps <= _TELLING
        return self.alone if score < self.score and separated else score
