"""How much of a streamed text is held back, and for how many tokens it waits."""

import random
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sanitization.chain import Chain
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy

MOST_CHARACTERS, MOST_TOKENS = 16, 2.0


@dataclass(frozen=True, slots=True)
class Tail:
    """Characters held back after a token, and tokens that a character waited for."""

    median: float
    longest: int
    mean_delay: float

    def as_dict(self) -> dict[str, float]:
        return asdict(self)


def tokens(text: str, seed: int) -> Sequence[str]:
    """Pieces of one to seven characters, four in the mean."""
    chance, at, pieces = random.Random(seed), 0, []
    while at < len(text):
        size = chance.randint(1, 7)
        pieces.append(text[at : at + size])
        at += size
    return pieces


def measure(chain: Chain, policy: Policy, texts: Iterable[str]) -> Tail:
    """Feeds each text as an answer, token by token. They are to be texts without findings: a rewritten one
    does not tell what was held.
    """
    held: list[int] = []
    waited = characters = 0
    for seed, text in enumerate(texts):
        stream, fed, sent = chain.open_answer(policy, Placeholders()), 0, 0
        for token in tokens(text, seed):
            sent += len(stream.feed(token))
            fed += len(token)
            held.append(fed - sent)
            waited += fed - sent  # each of these waits for one more token
        characters += len(text)
        if sent + len(stream.finish()) != fed or stream.findings:
            raise ValueError("a text with findings cannot be measured")
    return Tail(statistics.median(held), max(held), waited / characters)
