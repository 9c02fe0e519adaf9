"""
One call of a tool in an answer: what the chain lets out of its arguments, and what its caller sees.

The name is that of a tool that was offered, so it has been sanitized with the request; the caller gets it as
he wrote it. Values come back into arguments only where the policy names tool and argument.
"""

import secrets

from prompts.journal import AnsweredCall
from sanitization.chain import EMPTY, Sanitized
from sanitization.structured import ArgumentsRestorer, StructuredSanitizer
from sanitization.text import join


def new_id() -> str:
    return f"call_{secrets.token_hex(12)}"


class Call:
    """`name` is what the model calls the tool, `shown_name` what the caller does. `stream` None is for a call
    that was sanitized before."""

    def __init__(
        self,
        number: int,
        name: Sanitized,
        shown_name: str,
        stream: StructuredSanitizer | None,
        restorer: ArgumentsRestorer,
    ) -> None:
        self.number = number
        self.id = new_id()
        self.name = name
        self.shown_name = shown_name
        self.stream = stream
        self.is_told = False  # the caller knows that there is this call
        self._restorer = restorer
        self._sanitized: list[Sanitized] = []
        self._shown: list[str] = []
        self._is_over = False

    @property
    def answered(self) -> AnsweredCall:
        return AnsweredCall(self.name, join(self._sanitized))

    @property
    def shown(self) -> str:
        """The arguments."""
        return "".join(self._shown)

    @property
    def is_blocked(self) -> bool:
        return self.stream is not None and self.stream.blocked

    def take(self, arguments: str) -> Sanitized:
        """What may leave now."""
        assert self.stream is not None
        return self.keep(self.stream.feed(arguments))

    def end(self) -> Sanitized:
        """The rest, the first time that this is asked for."""
        if self._is_over or self.stream is None:
            return EMPTY
        self._is_over = True
        return self.keep(self.stream.finish())

    def keep(self, arguments: Sanitized) -> Sanitized:
        self._sanitized.append(arguments)
        return arguments

    def restore(self, arguments: Sanitized) -> str:
        """What of them can be shown now."""
        return self._show(self._restorer.feed(arguments))

    def restore_rest(self) -> str:
        return self._show(self._restorer.finish())

    def _show(self, shown: str) -> str:
        self._shown.append(shown)
        return shown
