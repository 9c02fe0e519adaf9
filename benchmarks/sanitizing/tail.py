"""How much of a streamed text is held back, for how many tokens it waits, and what each of them costs."""

import random
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from sanitization.chain import Chain
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy

MOST_CHARACTERS, MOST_TOKENS = 16, 2.0


@dataclass(frozen=True, slots=True)
class Tail:
    """Characters held back after a token, tokens that a character waited for, and the processor time
    that one token costs, median over the second half of the texts.
    """

    median: float
    longest: int
    mean_delay: float
    microseconds: float

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
    costs: list[float] = []
    waited = characters = 0
    for seed, text in enumerate(texts):
        stream, fed, sent = chain.open_answer(policy, Placeholders()), 0, 0
        costs.append(_cost(chain, policy, pieces := tokens(text, seed)))
        for token in pieces:
            sent += len(stream.feed(token))
            fed += len(token)
            held.append(fed - sent)
            waited += fed - sent  # each of these waits for one more token
        characters += len(text)
        if sent + len(stream.finish()) != fed or stream.findings:
            raise ValueError("a text with findings cannot be measured")
    # RE2 makes the states of its automata when a text first needs them: the first half is for that.
    microseconds = statistics.median(costs[len(costs) // 2 :]) * 1e6
    return Tail(statistics.median(held), max(held), waited / characters, microseconds)


def _cost(chain: Chain, policy: Policy, pieces: Sequence[str]) -> float:
    """Seconds for each of these pieces, the end of the text included."""
    stream = chain.open_answer(policy, Placeholders())
    before = time.thread_time()
    for piece in pieces:
        stream.feed(piece)
    stream.finish()
    return (time.thread_time() - before) / len(pieces)
