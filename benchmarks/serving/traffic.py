"""
Workloads that count answers: one caller, many callers, many with one system prompt, conversations.

Each is a function that sends one sample's requests to one contender and says what came of it. Callers are a
closed loop: each asks again when it has its answer. Token counts are the server's own, and must be what was
asked for.
"""

import asyncio
import statistics
import time
from collections.abc import Sequence

from benchmarks.serving.load import Reply, ask
from benchmarks.serving.prompts import Messages, Prompts
from benchmarks.serving.servers import Contender

Sample = dict[str, float]

PROMPT_TOKENS, ANSWER_TOKENS = 105, 64
SYSTEM_TOKENS, OWN_TOKENS, SHORT_ANSWER_TOKENS = 650, 30, 32
USERS, TURNS, TURN_TOKENS = 8, 6, 30


class Unequal(Exception):
    """A server generated another number of tokens than it was asked for, so its speed means nothing."""


async def alone(contender: Contender, prompts: Prompts, *, requests: int = 3) -> Sample:
    """One caller, one request after another."""
    return await crowd(contender, prompts, clients=1, requests=requests)


async def crowd(contender: Contender, prompts: Prompts, *, clients: int, requests: int = 2) -> Sample:
    """So many callers, `requests` of each, every prompt another one."""
    asked = [[prompts.question(PROMPT_TOKENS) for _ in range(requests)] for _ in range(clients)]
    return await _throughput(contender, asked, ANSWER_TOKENS)


async def shared(contender: Contender, prompts: Prompts, *, clients: int = 16) -> Sample:
    """So many callers at once, with one long system prompt that nobody has seen before."""
    system = prompts.text(SYSTEM_TOKENS)
    asked = [[prompts.question(OWN_TOKENS + 8, system=system)] for _ in range(clients)]
    return await _throughput(contender, asked, SHORT_ANSWER_TOKENS)


async def chat(contender: Contender, prompts: Prompts, *, users: int = USERS, turns: int = TURNS) -> Sample:
    """So many people, each in a conversation: every turn sends all that was said before."""
    openings = [prompts.question(PROMPT_TOKENS) for _ in range(users)]
    further = [[prompts.text(TURN_TOKENS) for _ in range(turns - 1)] for _ in range(users)]

    async def person(messages: Messages, questions: list[str]) -> list[Reply]:
        replies = []
        for question in [None, *questions]:
            if question is not None:
                messages.append({"role": "user", "content": question})
            reply = await one(contender, messages, SHORT_ANSWER_TOKENS)
            messages.append({"role": "assistant", "content": reply.text})
            replies.append(reply)
        return replies

    watch = Watch()
    talks = await asyncio.gather(*map(person, openings, further))
    sample = watch.sample([reply for talk in talks for reply in talk])
    if contender.says_usage:
        new = sum(new_tokens(talk) for talk in talks)
        computed = sum(reply.prompt_tokens - reply.cached_tokens for talk in talks for reply in talk)
        sample |= {"new_tokens": new, "computed_tokens": computed, "computed_ratio": computed / new}
    return sample | {"conversations_per_s": users / sample["seconds"]}


def new_tokens(talk: Sequence[Reply]) -> int:
    """Tokens of a conversation's prompts that no turn before had as its prompt or its answer."""
    new, known = 0, 0
    for reply in talk:
        new += reply.prompt_tokens - known
        known = reply.prompt_tokens + reply.tokens
    return new


class Watch:
    """What came of some requests, in the time since it was made."""

    def __init__(self) -> None:
        self._started = time.perf_counter()

    def sample(self, replies: Sequence[Reply]) -> Sample:
        seconds = time.perf_counter() - self._started
        first = sorted(reply.first_seconds for reply in replies)
        return {
            "seconds": seconds,
            "tokens_per_s": sum(reply.tokens for reply in replies) / seconds,
            "requests_per_s": len(replies) / seconds,
            "first_s": statistics.median(first),
            "last_first_s": first[-1],
            "prompt_tokens": statistics.mean(reply.prompt_tokens for reply in replies),
            "answer_tokens": statistics.mean(reply.tokens for reply in replies),
            "cached_tokens": sum(reply.cached_tokens for reply in replies),
        }


async def one(contender: Contender, messages: Messages, max_tokens: int, *, account: int = 0) -> Reply:
    """One streamed answer of exactly so many tokens. Raises Unequal, Refused, OSError."""
    reply = await ask(contender.address(account), contender.body(messages, max_tokens))
    if contender.says_usage and reply.tokens != max_tokens:
        raise Unequal(f"{contender.name} counts {reply.tokens} tokens where {max_tokens} were asked for")
    if len(reply.arrivals) > reply.tokens:
        raise Unequal(f"{contender.name} sent {len(reply.arrivals)} deltas of {reply.tokens} tokens")
    return reply


async def _throughput(contender: Contender, asked: Sequence[Sequence[Messages]], max_tokens: int) -> Sample:
    async def caller(questions: Sequence[Messages]) -> list[Reply]:
        return [await one(contender, messages, max_tokens) for messages in questions]

    watch = Watch()
    found = await asyncio.gather(*map(caller, asked))
    return watch.sample([reply for replies in found for reply in replies])
