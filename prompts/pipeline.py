"""
The way of one prompt through the house. Read this first.

    0  within the limits: what it may take is reserved, and in the end is what it took
    1  policy of this caller      4  answered before?            7  the final row, committed
    2  sanitize the prompt        5  a backend answers           8  the caller's own values,
    3  the row, committed         6  sanitize the answer            in the caller's copy alone

Plain Python: everything it uses is in the `House` it is handed. What it sends to a backend, a cache or the
journal is `Sanitized`, a type that only the chain makes. `prompts.work` holds the steps, and
`prompts.sources` those from 4 to 6.
"""

from collections.abc import AsyncGenerator
from contextlib import aclosing

from prompts.asks import Ask
from prompts.events import AsideDelta, Begun, CallDelta, Delta, Done, Embedded
from prompts.house import House
from prompts.pace import Kind
from prompts.work import Work


async def answer(
    ask: Ask, house: House
) -> AsyncGenerator[Begun | Delta | CallDelta | AsideDelta | Done, None]:
    """Yields `Begun` when something can be said, deltas, then `Done` when the final row is committed.

    Raises LimitReached, LimitsUnavailable, PolicyMissing, PoliciesUnavailable and IdempotencyKeyReused before
    there is a row, then IdempotencyKeyBusy, PromptBlocked, ScreeningFailed, JournalUnavailable and every
    InferenceError. Whatever happens, the caller leaving included, an accepted row gets its outcome, and what
    was reserved is settled. Close this generator (`aclosing`, or cancel the task that reads it) to give up
    the prompt: the model is free within one step, unless others wait for the same answer.
    """
    work = Work(ask, house)
    async with work.within_limits():  # 0
        await work.choose()  # 1
        await work.recall()
        await work.screen()  # 2
        try:
            await work.accept()  # 3
            work.raise_if_refused()
            async with aclosing(await work.texts()) as texts:  # 4, 5, 6
                async for choice, heard in texts:
                    if (delta := choice.restore(heard)) is not None:
                        if work.begun is None:
                            yield work.begin()
                        yield delta
            await house.pace.piece(Kind.ENDING)
            await work.finish()  # 7
        except BaseException as error:
            await work.give_up(error)
            raise
    await house.pace.piece(Kind.TELLING)
    if work.begun is None:
        yield work.begin()
    for choice in work.choices:
        for delta in choice.restore_rest():  # 8
            yield delta
    yield work.done()


async def embed(ask: Ask, house: House) -> Embedded:
    """The vectors of the ask's messages: the same way, with a model that answers in numbers. Raises what
    `answer` raises."""
    work = Work(ask, house)
    async with work.within_limits():  # 0
        await work.choose()  # 1
        await work.screen()  # 2
        try:
            await work.accept()  # 3
            work.raise_if_refused()
            vectors = await work.embed()  # 5
            await work.finish()  # 7
        except BaseException as error:
            await work.give_up(error)
            raise
    return Embedded(work.begin(), vectors, work.course.usage)
