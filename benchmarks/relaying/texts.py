"""
Texts of 1 KB with two findings each, for prompts and for the stand-in's answers. No text and no value comes
twice: what was read before is faster than anybody's next prompt.
"""

import json
import random
from typing import Any

from benchmarks.sanitizing.texts import ENGLISH, NAMES, luhn_complete

SIZE = 1024
FINDINGS = 2
POOL_CHARS = 1 << 20


class Letters:
    """Makes them, cheaply: English cut out of a large pool, with an address and a card number of its own.
    Two with different seeds have no value in common."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        words = chance.choices(ENGLISH.split(), k=POOL_CHARS // 6)
        for at in range(0, len(words), 12):
            words[at] = words[at].capitalize()
        self._pool = " ".join(words)
        self._chance = chance
        self._seed = seed % 10_000
        self._number = 0

    def text(self, size: int = SIZE) -> str:
        self._number += 1
        name = NAMES[self._number % len(NAMES)]
        card = luhn_complete(f"4{self._seed:04d}{self._number:010d}")
        address = f" Write to {name}.{self._number}.{self._seed}@example.com today. "
        payment = f" The card is {card}, as ever. "
        rest = size - len(address) - len(payment)
        first, second = self._words(rest // 3), self._words(rest // 3)
        return first + address + second + payment + self._words(rest - len(first) - len(second))

    def question(self, model: str, **more: Any) -> bytes:
        """A body of chat completions that asks with such a text."""
        messages = [{"role": "user", "content": self.text()}]
        return json.dumps({"model": model, "messages": messages, "max_tokens": 512, **more}).encode()

    def _words(self, size: int) -> str:
        at = self._chance.randrange(len(self._pool) - size - 16)
        at = self._pool.index(" ", at) + 1
        return self._pool[at : at + size]
