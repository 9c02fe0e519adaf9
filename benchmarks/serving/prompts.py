"""
Prompts to measure with: made up from a seed, so that all contenders of a round get the same ones and nobody
has seen them before. Plain English words, nearly all of one token each, in sentences; nothing that
sanitization changes.
"""

import random

from benchmarks.sanitizing.texts import ENGLISH

# What `<|im_start|>user … <|im_end|>` and the beginning of the answer cost in ChatML.
TEMPLATE_TOKENS = 8
WORDS_OF_A_SENTENCE = 11
Messages = list[dict[str, str]]


class Prompts:
    """Makes conversations. The same seed makes the same ones, in the same order."""

    def __init__(self, seed: object) -> None:
        self._chance = random.Random(repr(seed))
        self._words = ENGLISH.split()

    def text(self, tokens: int) -> str:
        """English of about so many tokens: a word is one, and so is a full stop."""
        words = self._chance.choices(
            self._words, k=max(1, tokens * WORDS_OF_A_SENTENCE // (WORDS_OF_A_SENTENCE + 1))
        )
        sentences = [
            " ".join(words[at : at + WORDS_OF_A_SENTENCE]).capitalize() + "."
            for at in range(0, len(words), WORDS_OF_A_SENTENCE)
        ]
        return " ".join(sentences)

    def question(self, tokens: int, *, system: str | None = None) -> Messages:
        """A prompt of about so many tokens in all, a given system prompt not counted. Without one it gets a
        short one of its own, so that no two prompts begin alike beyond the template's first words."""
        if system is None:
            own = max(4, tokens // 8)
            return self.question(tokens - own - TEMPLATE_TOKENS // 2, system=self.text(own))
        user = self.text(max(2, tokens - TEMPLATE_TOKENS))
        return [{"role": "system", "content": system}, {"role": "user", "content": user}]
