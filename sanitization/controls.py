"""
Strips what a terminal would obey from answers: escape sequences and control bytes (OWASP LLM10, 2026).

Sequences are those of ECMA-48: CSI, the strings (OSC, DCS, SOS, PM, APC) with their terminator, and the short
ones. They are bounded; of one that is longer or never ends, only the control bytes go and the rest is text.
Half surrogate pairs, which are no characters and cannot be sent, go the same way.
"""

from dataclasses import replace

from sanitization.detectors.base import PatternDetector
from sanitization.filters import Stage
from sanitization.normalize import Readable
from sanitization.patterns import DetectorScan
from sanitization.policies import Policy
from sanitization.rules import Category, declare
from sanitization.spans import Action

_CSI = r"(?:\x1b\[|\x9b)[0-?]{0,64}[ -/]{0,16}[@-~]"
_STRING = r"(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x18\x1a\x1b\x9c]{0,1000}(?:\x07|\x1b\\|\x9c)"
_SHORT = r"\x1b[ -/]{1,4}[0-~]|\x1b[0-Z\\^-~]"
_BYTE = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]"


class _ControlBytes(PatternDetector):
    """Escape sequences and control bytes that a terminal would obey."""

    rule = "control_bytes"
    category = Category.ANSWER
    default = Action.REMOVE
    score = 1.0
    pattern = f"{_CSI}|{_STRING}|{_SHORT}|{_BYTE}"


declare(replace(_ControlBytes.as_rule(), prompt=Action.OFF))


class ControlFilter:
    """Answers only: a prompt with NUL is refused before, and no model obeys terminal codes."""

    stage = Stage.BYTES
    rules = frozenset({_ControlBytes.rule})

    def __init__(self) -> None:
        self._detectors = (_ControlBytes(),)

    def open_prompt(self, policy: Policy) -> None:
        return None

    def open_answer(self, policy: Policy) -> DetectorScan | None:
        if policy.action("answer", _ControlBytes.rule) is Action.OFF:
            return None
        return DetectorScan(self._detectors, Readable())
