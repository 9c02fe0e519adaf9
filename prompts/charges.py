"""
What a prompt counts against limits: as much as it may take while it runs, then what it took.

    answered, cut off by the policy                the model's own count
    cached, blocked, refused before a first word   nothing
    the caller left, or it failed on the way       prompt and what came of the answer, estimated

Only who leaves would otherwise be answered for nothing.
"""

from collections.abc import Iterable, Sequence

from inference.backends import MEDIA_TOKENS, Ending
from prompts.asks import Ask
from prompts.journal import Outcome, Usage

# Tokens of byte-pair encodings hold some four letters of English, three bytes of Chinese or two of Cyrillic.
BYTES_A_TOKEN = 3
# What a chat template puts around a message.
TOKENS_AROUND = 4


def estimated(texts: Iterable[str]) -> int:
    """Tokens of texts that no model has counted: rather some too many."""
    return sum(tokens_of(byte_count(text)) + TOKENS_AROUND for text in texts)


def tokens_of(count: int) -> int:
    """Of a text of so many bytes."""
    return -(-count // BYTES_A_TOKEN)


def byte_count(text: str) -> int:
    """In UTF-8."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))


def most_of(ask: Ask) -> int:
    """As many tokens as the prompt may take."""
    return _asked(ask) + ask.max_tokens * ask.choices


def taken(
    outcome: Outcome, ask: Ask, usage: Usage, *, endings: Sequence[Ending | None], heard_bytes: int
) -> int:
    """The tokens of a prompt for which a model was asked."""
    if all(endings):
        return usage.prompt_tokens + usage.completion_tokens
    if not heard_bytes and outcome is not Outcome.CANCELLED:
        return 0
    return _asked(ask) + tokens_of(heard_bytes)


def _asked(ask: Ask) -> int:
    """Tokens of a prompt, estimated."""
    return estimated(ask.parts().values()) + MEDIA_TOKENS * len(ask.unscanned())
