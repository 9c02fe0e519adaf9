"""
What can go wrong while text is screened. No HTTP here; `gateway.problems` gives each a status.

    SanitizationError
    ├── ScreeningFailed     a filter broke or exceeded its ceiling: the text was not scanned and goes nowhere
    ├── PolicyInvalid       a policy document says something that cannot be done
    ├── PolicyConflict      this cannot be done with a policy as it is now
    ├── PolicyMissing       the policy that somebody was given is not in force, or cannot be read
    └── PoliciesUnavailable nobody knows which policies are in force: the database is away
"""

from collections.abc import Mapping


class SanitizationError(Exception):
    """The root of this tree."""


class ScreeningFailed(SanitizationError):
    """`filter_name` is the class that failed; the text is never part of this error."""

    def __init__(self, filter_name: str) -> None:
        super().__init__(f"{filter_name} failed")
        self.filter_name = filter_name


class PolicyInvalid(SanitizationError):
    """`problems` has a sentence for each wrong field, by its JSON pointer (RFC 6901)."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        super().__init__("; ".join(f"{pointer or '/'}: {sentence}" for pointer, sentence in problems.items()))
        self.problems = dict(problems)


class PolicyConflict(SanitizationError):
    """`sentence` is for the operator."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class PolicyMissing(SanitizationError):
    """Nothing is answered under another policy instead."""

    def __init__(self, slug: str) -> None:
        super().__init__(f"the policy {slug} is not in force")
        self.slug = slug


class PoliciesUnavailable(SanitizationError):
    """Raised when what is known has not been verified for too long."""

    retry_after_seconds = 2
