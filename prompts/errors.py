"""
What can go wrong with a prompt on its way. No HTTP here; `gateway.problems` gives each a status.

    PromptsError
    ├── PromptBlocked         the policy refuses it; it stands in the journal
    ├── JournalUnavailable    the book cannot be written, so nothing is answered
    ├── ConversationBusy      other prompts of the conversation are being screened
    ├── ConversationsUnavailable   what the prompts of a conversation share cannot be read
    ├── AnswersUnavailable    kept answers cannot be taken out
    ├── RequestRefused        a request to `/v1` that cannot be understood or done
    ├── IdempotencyKeyReused  the key is that of a request with another body
    └── IdempotencyKeyBusy    the first request with the key is still being answered
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


class ConversationBusy(PromptsError):
    """The conversation stayed locked."""

    retry_after_seconds = 1


class ConversationsUnavailable(PromptsError):
    """The store of conversations is away, or there is none."""

    retry_after_seconds = 5


class AnswersUnavailable(PromptsError):
    """The store of kept answers is away."""

    retry_after_seconds = 5


class RequestRefused(PromptsError):
    """A request that cannot be understood or done. `param` is the field, written as OpenAI does
    (`messages[0].content`); `code` is one of OpenAI's; `sentence` quotes no text of the request.
    """

    def __init__(self, sentence: str, *, param: str | None, code: str = "invalid_value") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.param = param
        self.code = code


class IdempotencyKeyReused(PromptsError):
    """Sent again as it is, it will be refused again."""


class IdempotencyKeyBusy(PromptsError):
    """Another process has been answering for long, and goes on."""

    retry_after_seconds = 5
