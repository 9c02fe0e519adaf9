"""
What can go wrong with a prompt on its way. No HTTP here; `gateway.problems` gives each a status.

    PromptsError
    ├── PromptBlocked         the policy refuses it; it stands in the journal
    └── JournalUnavailable    the book cannot be written, so nothing is answered
"""

from uuid import UUID


class PromptsError(Exception):
    """The root of this tree."""


class PromptBlocked(PromptsError):
    """`rules` are the ids of the rules that refuse; `prompt_id` is the journal's row."""

    def __init__(self, prompt_id: UUID, *, rules: tuple[str, ...]) -> None:
        super().__init__("blocked by policy")
        self.prompt_id = prompt_id
        self.rules = rules


class JournalUnavailable(PromptsError):
    """The database did not take the row."""

    retry_after_seconds = 5
