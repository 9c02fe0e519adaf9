"""
Texts of 1 KB with two findings each, for prompts and for the stand-in's answers. No text and no value comes
twice: what was read before is faster than anybody's next prompt.
"""

import json
import random
from typing import Any

from benchmarks.sanitizing.texts import NAMES, luhn_complete

SIZE = 1024
FINDINGS = 2
POOL_CHARS = 1 << 20
PROSE = """
    The harbour office opens at seven, and the first boats leave soon after. A berth costs twelve
    euros a night. If the wind turns to the north, move to the inner basin, where the water stays
    calm. The bakery behind the market sells bread from six. Our meeting about the garden was moved
    to the afternoon. Please send the report when it is finished. She has read the letter twice and
    found nothing to change. The library keeps old maps of the coast on the second floor. Bring a
    warm coat, because the evenings are cool. We planted beans along the fence and they grew well
    this year. The train was late again, so he walked. Most guests prefer the rooms that look over
    the river. The recipe needs two eggs and a little milk. They counted the chairs and put them
    back. A good answer is short and says what to do next. The old bridge was closed for repairs in
    spring. My neighbour repairs clocks in his spare time. It rained all morning, and then the sun
    came out. The school choir sings in the square on Sundays. Nobody had seen the keys since
    Tuesday. The price of wood has gone up.
"""


class Letters:
    """Makes them, cheaply: prose cut out of a large pool, with an address and a card number of its own.
    Two with different seeds have no value in common."""

    def __init__(self, seed: int) -> None:
        chance = random.Random(seed)
        sentences = " ".join(PROSE.split()).split(". ")
        self._pool = ". ".join(chance.choices(sentences, k=POOL_CHARS // 60)) + "."
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
