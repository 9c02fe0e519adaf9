"""
How long steps take on this machine, learned from the steps themselves, and what follows from it: how much of
a prompt fits into a step, whether guessing tokens pays, and how long the waiting line is in seconds.

Pure: it is told the seconds. All estimates move with the newest steps, since machines are shared and a long
context costs more than a short one.
"""

from dataclasses import dataclass, field

# How much the newest step counts.
NEWEST_SHARE = 0.2
# While a prompt is computed, the answers in progress wait at most so many times their usual step...
STRETCH = 3.0
# ... or so long, where that is more: nobody reads faster, and small steps waste the machine.
UNNOTICED_SECONDS = 0.05
# ... or so long, while more people wait for a first word than for a next one.
CROWD_SECONDS = 0.25
# A prompt that takes no longer than this is computed at once: one pause costs its neighbours less than many
# mixed steps, each of which reads the model's weights several times.
WHOLE_SECONDS = 1.0
# What a waiting prompt always gets of a step's time.
LEAST_SHARE = 0.25
# llama.cpp's fast kernels take so many tokens of a prompt at a time; three take as long as four.
LEAST_TOKENS = 4
# Without flash attention it looks through a multiple of so many tokens.
PAGE_TOKENS = 256


def worth(decode_tokens: int, *, before: int, look_tokens: float) -> float:
    """What so many tokens of answers cost, in tokens without a text before them: each looks through as much
    as the longest needs, which has `before` tokens, and looking through `look_tokens` costs as much as one
    token (0: nothing)."""
    if not look_tokens:
        return decode_tokens
    return decode_tokens * (1 + -(-before // PAGE_TOKENS) * PAGE_TOKENS / look_tokens)


@dataclass(eq=False, slots=True)
class Pace:
    """Seconds of a step of n answers: `base_seconds + n * token_seconds`; of a prompt's token beside them:
    `prompt_token_seconds`. The first values are a guess that a few steps correct. An answer with a long text
    before it counts as more than one: what it is `worth`."""

    base_seconds: float = 0.02
    token_seconds: float = 0.01
    prompt_token_seconds: float = 0.005
    answer_tokens: float = 64.0  # of a usual answer
    _sums: list[float] = field(default_factory=lambda: [0.0] * 5)  # of 1, n, n², s, ns: fading

    def step_seconds(self, decode_tokens: float) -> float:
        """What a step of so many answers takes by itself."""
        return self.base_seconds + decode_tokens * self.token_seconds

    def step_tokens(self) -> float:
        """How many tokens of answers could be computed in what any step takes: one, to read the weights."""
        return max(1.0, self.base_seconds / max(self.token_seconds, 1e-9))

    def prompt_budget(self, decode_tokens: float, *, most: int, is_crowded: bool = False) -> int:
        """How many tokens of prompts the next step may compute beside so many answers. `is_crowded`: there
        are more prompts than answers."""
        if not decode_tokens:
            return most
        usual = self.step_seconds(decode_tokens)
        limit = max(STRETCH * usual, CROWD_SECONDS if is_crowded else UNNOTICED_SECONDS)
        seconds = max(limit - usual, limit * LEAST_SHARE)
        groups = (int(seconds / self.prompt_token_seconds) + 1) // LEAST_TOKENS
        return max(LEAST_TOKENS, min(most, groups * LEAST_TOKENS))

    def whole_tokens(self) -> int:
        """How long a prompt may be that is computed in one step, whoever waits for it."""
        return int(WHOLE_SECONDS / self.prompt_token_seconds)

    def guess_length(self, acceptance: float, *, decode_tokens: int, most: int) -> int:
        """How many tokens to guess for an answer whose guesses come true with this probability: as long as
        one more brings a token for less than it costs without guessing."""
        worth = self.step_seconds(decode_tokens) / max(decode_tokens, 1)
        length, chance = 0, acceptance
        while length < most and chance * worth > self.token_seconds:
            length += 1
            chance *= acceptance
        return length

    def job_seconds(self, prompt_tokens: int, *, streams: int) -> float:
        """What one more job adds to the time until all are done, among so many at once."""
        spoken = self.answer_tokens * self.step_seconds(streams) / max(streams, 1)
        return prompt_tokens * self.prompt_token_seconds + spoken

    def note_step(self, *, decode_tokens: float, prefill_tokens: int, seconds: float) -> None:
        """A step took so long."""
        if not prefill_tokens:
            self._note_decode(decode_tokens, seconds)
            return
        left = seconds - (self.step_seconds(decode_tokens) if decode_tokens else 0.0)
        measured = max(left, seconds / 10) / prefill_tokens
        self.prompt_token_seconds += NEWEST_SHARE * (measured - self.prompt_token_seconds)

    def note_answer(self, tokens: int) -> None:
        """An answer ended after so many."""
        self.answer_tokens += NEWEST_SHARE * (tokens - self.answer_tokens)

    def _note_decode(self, n: float, seconds: float) -> None:
        """A fading least-squares line through (n, seconds)."""
        usual = self.step_seconds(n)
        if self._sums[0] > 1 and seconds > 5 * usual:
            seconds = 5 * usual  # the machine was away; one such step says nothing of the next
        facts = (1.0, n, n * n, seconds, n * seconds)
        self._sums = [0.95 * old + new for old, new in zip(self._sums, facts, strict=True)]
        one, x, xx, y, xy = self._sums
        spread = one * xx - x * x
        if spread > 0.05 * one * one:  # seen steps of different sizes
            slope = (one * xy - x * y) / spread
            slope = min(max(slope, 0.02 * y / x), y / x)
        else:
            slope = min(self.token_seconds, y / x)
        self.token_seconds = slope
        self.base_seconds = max(0.0, (y - slope * x) / one)
