"""Answers that nobody reads along: asked for in one piece where that is safe."""

import asyncio
import json

import pytest

from inference.errors import GenerationFailed, ModelUnavailable
from tests.inference.remote.conftest import PATIENCE, collect, endings_of, generation, patient, text_of
from tests.upstream import hangs, says

AT_ONCE = int(PATIENCE.first_byte_seconds * 20)  # so many tokens may be asked for in one piece


def in_one(text="Hello there.", *, after_seconds=0.0):
    """A server that answers in one piece."""

    async def script(exchange):
        await asyncio.sleep(after_seconds)
        message = {"role": "assistant", "content": text}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        usage = {"prompt_tokens": 7, "completion_tokens": 3}
        await exchange.status(200, json.dumps({"choices": choices, "usage": usage}).encode())

    return script


async def test_an_answer_that_nobody_reads_along_comes_in_one_piece(served):
    upstream, backend = await served(in_one())
    events = await collect(backend.answer(generation(streamed=False, max_tokens=AT_ONCE)))
    assert text_of(events) == "Hello there."
    (ending,) = endings_of(events)
    assert (ending.finish_reason, ending.prompt_tokens, ending.completion_tokens) == ("stop", 7, 3)
    assert upstream.heard[0].body["stream"] is False
    assert "stream_options" not in upstream.heard[0].body


@pytest.mark.parametrize(
    ("asked", "options"),
    [({"max_tokens": AT_ONCE + 1}, {}), ({"max_tokens": 1}, {"always_stream": True})],
    ids=["it may take longer than a first word", "the operator wants streams"],
)
async def test_it_is_streamed_where(served, asked, options):
    upstream, backend = await served(says("Hello there."), **options)
    events = await collect(backend.answer(generation(streamed=False, **asked)))
    assert text_of(events) == "Hello there."
    assert upstream.heard[0].body["stream"] is True


async def test_a_server_that_is_alive_may_take_its_time(served):
    patience = patient(first_byte_seconds=0.1)
    upstream, backend = await served(in_one(after_seconds=0.5), patience=patience)
    assert text_of(await collect(backend.answer(generation(streamed=False, max_tokens=1)))) == "Hello there."
    assert upstream.probes > 1


async def test_one_that_answers_no_probe_either_is_left_for_another(served):
    upstream, backend = await served(hangs, patience=patient(first_byte_seconds=0.1))
    upstream.is_alive = False
    async with asyncio.timeout(30):
        with pytest.raises(ModelUnavailable):
            await collect(backend.answer(generation(streamed=False, max_tokens=1)))


async def test_an_answer_in_one_piece_has_a_largest_size(served):
    _, backend = await served(in_one("x" * 5000), max_line_bytes=1024, max_answer_bytes=4096)
    with pytest.raises(GenerationFailed):
        await collect(backend.answer(generation(streamed=False, max_tokens=1)))


async def test_it_may_be_longer_than_a_line_of_a_stream(served):
    _, backend = await served(in_one("x" * 5000), max_line_bytes=1024)
    events = await collect(backend.answer(generation(streamed=False, max_tokens=1)))
    assert text_of(events) == "x" * 5000
