"""Numbers that a state gives to people."""

from sanitization.detectors.base import PatternDetector


class UsSsn(PatternDetector):
    """US social security numbers: separated in the usual way, or nine bare digits behind their name.

    Areas 000, 666 and 900 up, group 00 and serial 0000 are never issued (SSA POMS RM 10201.035). Famous
    invalid ones such as 078-05-1120 are masked all the same: people do use them.
    """

    rule = "us_ssn"
    pattern = (
        r"[^A-Za-z0-9-](?:(?P<separated>\d{3}-\d{2}-\d{4}|\d{3} \d{2} \d{4}|\d{3}\.\d{2}\.\d{4})|"
        r"(?i:ssns?|social security(?: (?:number|no|num)s?)?)[^A-Za-z0-9\n]{1,4}"
        r"(?i:(?:(?:number|no|is|was|of|as|equals|to)[^A-Za-z0-9\n]{1,4}){0,3})(?P<bare>\d{9}))"
        r"(?:[^A-Za-z0-9-]|-(?:[^0-9]|$)|$)"
    )

    def accept(self, candidate: str) -> int:
        digits = candidate if candidate.isdigit() else candidate[:3] + candidate[4:6] + candidate[7:]
        area, group, serial = digits[:3], digits[3:5], digits[5:]
        issued = area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"
        return len(candidate) if issued else 0
