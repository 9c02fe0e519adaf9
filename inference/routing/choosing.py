"""
Which of several servers a conversation goes to.

A server keeps what it has computed of a conversation's beginning, so the next turn is cheap there and nowhere
else. Rendezvous hashing gives every beginning an order of servers that all processes agree on, and that
changes for nobody else when a server comes or goes. The first in that order takes the conversation unless it
has too much to do already; then the next one that has not.

Pure: no clock, no chance, nothing that is not handed in.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

from inference.backends import Generation

BEGINNING_CHARS = 2048
# A server may have a quarter more to do than its share, or so many tokens more than the idlest one: about
# what a prompt of usual length costs when its beginning has to be computed anew.
BOUND = 1.25
SLACK_TOKENS = 4096


@dataclass(frozen=True, slots=True)
class Option:
    """A server that could take it. `tokens` are what it still owes to those it answers now."""

    name: str
    weight: float
    tokens: int


def beginning_of(generation: Generation[str]) -> bytes:
    """What the turns of one conversation have in common: everything up to the first question."""
    if generation.text is not None:
        return digest_of(generation.model, generation.text)
    said = [generation.model]
    for message in generation.messages:
        said += (message.role, message.content)
        if message.role == "user":
            break
    return digest_of(*said)


def digest_of(*texts: str) -> bytes:
    """Of the beginnings of these."""
    digest = hashlib.blake2b(digest_size=16)
    for text in texts:
        digest.update(text[:BEGINNING_CHARS].encode("utf-8", "replace") + b"\0")
    return digest.digest()


def pick(beginning: bytes, options: Sequence[Option]) -> Option:
    """The one of these, at least one, that shall take it."""
    if len(options) == 1:
        return options[0]
    share = sum(each.tokens for each in options) / sum(each.weight for each in options)
    least = min(each.tokens / each.weight for each in options)
    most = max(BOUND * share, least + SLACK_TOKENS)
    for option in ranked(beginning, options):
        if option.tokens / option.weight <= most:
            return option
    raise AssertionError("the idlest one is within every bound")


def ranked(beginning: bytes, options: Sequence[Option]) -> list[Option]:
    """By weighted rendezvous hashing (Schindelhauer and Schomaker, 2005), the best first."""
    return sorted(options, key=lambda option: _score(beginning, option), reverse=True)


def _score(beginning: bytes, option: Option) -> float:
    digest = hashlib.blake2b(option.name.encode(), key=beginning, digest_size=8).digest()
    chance = (int.from_bytes(digest, "big") + 1) / (2**64 + 1)  # within 0 and 1, neither of them
    return -option.weight / math.log(chance)
