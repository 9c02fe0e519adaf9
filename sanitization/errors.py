"""
What can go wrong while text is screened. No HTTP here; `gateway.problems` gives each a status.

    SanitizationError
    └── ScreeningFailed     a filter broke or exceeded its ceiling: the text was not scanned and goes nowhere
"""


class SanitizationError(Exception):
    """The root of this tree."""


class ScreeningFailed(SanitizationError):
    """`filter_name` is the class that failed; the text is never part of this error."""

    def __init__(self, filter_name: str) -> None:
        super().__init__(f"{filter_name} failed")
        self.filter_name = filter_name
