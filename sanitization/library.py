"""
Sanitization as a library: what the gateway does to prompts and answers, in a program of your own. Needs no
Django, no settings and no database.

    from sanitization.library import Sanitizer

    sanitizer = Sanitizer()                             # compiles its patterns: make one and keep it
    prompt = sanitizer.prompt("Write to ann@example.com")
    prompt.text                                         # 'Write to [EMAIL_1]': for the model
    answer = prompt.answer()
    for token in ask_a_model(prompt.text):
        print(answer.feed(token), end="")               # sanitized, with the caller's own values put back
    print(answer.finish())

A prompt of several parts is a mapping of names to texts. Where `prompt.blocked`, a policy wants it refused.
"""

from collections.abc import Iterable, Mapping

from sanitization.chain import Chain, Screened
from sanitization.filters import DEFAULT_FILTERS
from sanitization.policies import Policy
from sanitization.restore import Restorer
from sanitization.spans import Finding
from sanitization.stream import StreamSanitizer

__all__ = ["Answer", "Prompt", "Sanitizer"]

TEXT = "/text"


class Sanitizer:
    """A chain and a policy. Serves any number of texts at the same time.

    `filters` are dotted paths, by default those of the gateway. `key` makes fingerprints and hashes the same
    from one run to the next; without one they last as long as this object.
    """

    def __init__(
        self, policy: Policy | None = None, *, filters: Iterable[str] = DEFAULT_FILTERS, key: bytes = b""
    ) -> None:
        self.policy = policy or Policy()
        self.chain = Chain.from_paths(filters, key=key)

    def prompt(self, text: str | Mapping[str, str]) -> "Prompt":
        """Sanitizes what is for the model. Raises ScreeningFailed, and then nothing was found safe."""
        parts = {TEXT: text} if isinstance(text, str) else text
        return Prompt(self, self.chain.screen_prompt(parts, self.policy))


class Prompt:
    """A prompt after the chain: `text`, or `texts` by part, is what the model may see."""

    def __init__(self, sanitizer: Sanitizer, screened: Screened) -> None:
        self._sanitizer = sanitizer
        self._screened = screened
        self.texts: Mapping[str, str] = screened.texts
        self.findings: tuple[Finding, ...] = screened.findings
        self.blocked = screened.blocked

    def __repr__(self) -> str:
        return f"<prompt with {len(self.findings)} findings>"

    @property
    def text(self) -> str:
        """The only part, or all of them, each on lines of its own."""
        return "\n".join(self.texts.values())

    def answer(self) -> "Answer":
        """For one answer to this prompt."""
        policy, placeholders = self._sanitizer.policy, self._screened.placeholders
        stream = self._sanitizer.chain.open_answer(policy, placeholders, part=TEXT)
        if not policy.restore:
            return Answer(stream, None)
        return Answer(stream, Restorer(placeholders, policy.html, unrestored=policy.unrestored))


class Answer:
    """An answer while it arrives. `feed` and `finish` give what may be shown; nothing they gave is ever taken
    back. After ScreeningFailed show nothing more.
    """

    def __init__(self, stream: StreamSanitizer, restorer: Restorer | None) -> None:
        self._stream = stream
        self._restorer = restorer

    def feed(self, text: str) -> str:
        """What of the answer so far may be shown now."""
        sanitized = self._stream.feed(text)
        return self._restorer.feed(sanitized) if self._restorer else sanitized

    def finish(self) -> str:
        """The rest."""
        sanitized = self._stream.finish()
        return self._restorer.feed(sanitized) + self._restorer.finish() if self._restorer else sanitized

    def whole(self, text: str) -> str:
        """All of an answer that is here already: the same as feeding it and finishing."""
        sanitized = self._stream.whole(text)
        return self._restorer.restore(sanitized) if self._restorer else sanitized

    @property
    def findings(self) -> tuple[Finding, ...]:
        return self._stream.findings

    @property
    def blocked(self) -> bool:
        """Whether a finding cut it off."""
        return self._stream.blocked
