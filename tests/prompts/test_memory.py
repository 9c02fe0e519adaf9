"""What was known of a prompt is gone when its request is, without the collector."""

import asyncio
import gc
from contextlib import aclosing, suppress
from uuid import uuid4

import pytest

from inference.backends import CallPiece, Sampling, Tool
from inference.errors import GenerationFailed
from prompts.asks import Ask, plain
from prompts.choices import Choice
from prompts.errors import PromptBlocked
from prompts.pipeline import answer
from prompts.work import Work
from sanitization.placeholders import Placeholders
from sanitization.policies import Policy
from tests.fakes import Parrot, Shelf, house_of

SAID = "write to ann@corp.com about 4111 1111 1111 1111"
TOOL = Tool("remember", "", "")
CALL = [CallPiece(0, "remember"), CallPiece(0, arguments='{"what": "ann@corp.com"}')]


def asked(**more):
    return Ask(user_id=uuid4(), request_id="r", messages=plain(SAID), **{"sampling": Sampling(0.7), **more})


@pytest.fixture
def left_over():
    """What of a prompt is still there."""

    def count():
        kinds = (Ask, Work, Choice, Placeholders)
        # Not isinstance(): a weak proxy answers it for what it stands for, which may be gone.
        return sum(type(each) in kinds for each in gc.get_objects())

    gc.collect()
    before = count()
    gc.disable()
    yield lambda: count() - before
    gc.enable()


async def all_of(ask, house):
    async with aclosing(answer(ask, house)) as events:
        async for _ in events:
            pass


ANSWERED = {
    "plain": {},
    "streamed": {"streamed": True},
    "several": {"choices": 3},
    "kept": {"sampling": Sampling(0)},
    "conversation": {"conversation_id": uuid4()},
}


@pytest.mark.parametrize("more", ANSWERED.values(), ids=ANSWERED)
async def test_after_an_answer_nothing_of_the_prompt_is_left(more, left_over):
    house = house_of(cache=Shelf())
    for _ in range(2):  # the second one may come from the cache
        await all_of(asked(**more), house)
    await asyncio.sleep(0)
    assert left_over() == 0


async def test_nor_after_a_call_of_a_tool(left_over):
    await all_of(asked(tools=(TOOL,)), house_of(Parrot(CALL)))
    await asyncio.sleep(0)
    assert left_over() == 0


async def test_nor_after_a_failure(left_over):
    with suppress(GenerationFailed):
        await all_of(asked(), house_of(Parrot(CALL)))  # of a tool that was not offered
    await asyncio.sleep(0)
    assert left_over() == 0


async def test_nor_after_a_refusal(left_over):
    with suppress(PromptBlocked):
        await all_of(asked(), house_of(policy=Policy.build(block=("email",))))
    await asyncio.sleep(0)
    assert left_over() == 0


async def test_nor_when_the_caller_left(left_over):
    leaving = asyncio.create_task(all_of(asked(streamed=True), house_of(Parrot(pause_seconds=10))))
    await asyncio.sleep(0.05)
    leaving.cancel()
    await asyncio.gather(leaving, return_exceptions=True)
    del leaving
    await asyncio.sleep(0)
    assert left_over() == 0
