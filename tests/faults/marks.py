"""Marked prompts: each has a word that is nobody else's, and values of its own that must never be written."""

import itertools
import random
from dataclasses import dataclass

from benchmarks.sanitizing.texts import luhn_complete

CONSONANTS = "bcdfghjklmnpqrst"
_numbers = itertools.count(random.SystemRandom().randrange(1 << 20) << 8)


@dataclass(frozen=True)
class Marked:
    """`values` are raw; `text` has them all, and the mark."""

    mark: str
    values: tuple[str, ...]

    @property
    def text(self):
        email, card, token = self.values
        return f"Please remember {self.mark}: mail {email}, the card {card} and GITHUB_TOKEN={token} too."


def marked():
    number = next(_numbers)
    letters, chance = [], random.Random(number)
    for _ in range(8):
        number, digit = divmod(number, len(CONSONANTS))
        letters.append(CONSONANTS[digit])
    mark = "mark" + "".join(letters)
    alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
    return Marked(
        mark,
        (
            f"{chance.choice(('ann', 'bob', 'eve'))}.{mark[4:]}@corp-{mark[6:]}.example.org",
            luhn_complete("4" + "".join(chance.choices("0123456789", k=14))),
            "ghp_" + "".join(chance.choices(alphabet, k=36)),
        ),
    )


def said_by_model(mark):
    """The value that the stand-in makes up for it: `standin.answer`."""
    return f"{mark}.answer@model-{mark}.example.net"
