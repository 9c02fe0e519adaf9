"""
From the tokens that were chosen for one job to what its caller hears: text, logprobs, and why it ended.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from inference.backends import Embeddings, Ending, FinishReason, Piece, Sampling, TokenLogprob
from inference.runner import Runner, Sampler
from inference.text import Transcript

Event = Piece | Ending | Embeddings | Exception

# llama.cpp takes the seed 2**32 - 1 for "choose one".
SEEDS = 2**32 - 1


class Gone(Exception):
    """Nobody listens any more."""


@dataclass(eq=False, slots=True)
class Speaker:
    """`deliver` is called from the engine's thread, with pieces, then with an ending or an error.

    The sampler is made when the job begins; it remembers the answer so far and moves along with the job.
    `logprobs` is the number of alternatives to tell for each token. `choosing_seconds` add up.
    """

    deliver: Callable[[Event], None]
    sampling: Sampling = field(default_factory=lambda: Sampling(0.0))
    grammar: str = ""
    transcript: Transcript = field(default_factory=Transcript)
    choice: int = 0
    logprobs: int | None = None
    count: int = 0
    first_at: float | None = None
    choosing_seconds: float = 0.0
    _sampler: Sampler | None = None
    _noted: list[TokenLogprob] = field(default_factory=list)

    @property
    def has_begun(self) -> bool:
        return self._sampler is not None

    def begin(self, runner: Runner, prompt: list[int]) -> None:
        """Makes the sampler, with a seed of its own for each choice. Raises FormatRefused."""
        seed = secrets.randbelow(SEEDS) if self.sampling.seed is None else self.sampling.seed + self.choice
        self._sampler = runner.sampler(replace(self.sampling, seed=seed % SEEDS), self.grammar, prompt)

    def hear(self, runner: Runner, output: int, *, now: float) -> tuple[int, bool]:
        """Chooses the token after that output and tells the caller: the token, and whether the answer ends
        with it. Raises Gone."""
        assert self._sampler is not None
        started = time.perf_counter()
        token = self._sampler.choose(output)
        if self.logprobs is not None:
            self._noted.append(runner.logprobs(output, token, top=self.logprobs))
        self.choosing_seconds += time.perf_counter() - started
        self.count += 1
        if self.first_at is None:
            self.first_at = now
        if runner.is_end(token):
            return token, True
        if shown := self.transcript.feed(runner.piece(token)):
            self.say(shown)
        return token, self.transcript.stopped

    def say(self, text: str) -> None:
        self.tell(Piece(text, self.choice, tuple(self._noted)))
        self._noted.clear()

    def end(self, reason: FinishReason, *, prompt_tokens: int, cached_tokens: int, times: "Times") -> None:
        """Says the rest, and that this was all. Raises Gone."""
        if (shown := self.transcript.finish()) or self._noted:
            self.say(shown)
        first_at = times.now if self.first_at is None else self.first_at
        self.tell(
            Ending(
                finish_reason=reason,
                prompt_tokens=prompt_tokens,
                completion_tokens=self.count,
                queue_ms=(times.started_at - times.queued_at) * 1000,
                first_token_ms=(first_at - times.queued_at) * 1000,
                choice=self.choice,
                cached_tokens=cached_tokens,
            )
        )

    def tell(self, event: Event) -> None:
        """Raises Gone where the caller's event loop is closed."""
        try:
            self.deliver(event)
        except RuntimeError:
            raise Gone from None

    def close(self) -> None:
        """Frees the sampler; for every job, however it ended."""
        if self._sampler is not None:
            self._sampler.close()
            self._sampler = None


@dataclass(frozen=True, slots=True)
class Times:
    """Instants on the engine's clock, in seconds."""

    queued_at: float
    started_at: float
    now: float
