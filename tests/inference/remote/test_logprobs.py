"""Tokens with their probabilities, as servers tell them."""

from dataclasses import replace

import pytest

from inference.backends import Piece, TokenLogprob
from tests.inference.remote.conftest import collect, generation
from tests.upstream import chunk, sends


async def test_logprobs_come_along(served):
    listed = {
        "token": "Hi",
        "logprob": -0.5,
        "bytes": [72, 105],
        "top_logprobs": [{"token": "é", "logprob": -2}],
    }
    event = chunk("Hi")
    event["choices"][0]["logprobs"] = {"content": [listed, {"token": "x", "logprob": "no"}]}
    upstream, backend = await served(sends(event, chunk(reason="stop")))
    piece = (await collect(backend.answer(generation(logprobs=1))))[0]
    (known,) = piece.logprobs
    assert (known.raw, known.logprob, known.top[0].raw) == (b"Hi", -0.5, "é".encode())
    assert upstream.prompts[0]["top_logprobs"] == 1


async def test_logprobs_of_completions_come_along(served):
    listed = {
        "tokens": ["Hi", "!", "?"],
        "token_logprobs": [-0.5, None],
        "top_logprobs": [{"Hi": -0.5, "Yo": -2, "Hey": -3}, 7],
    }
    event = {"choices": [{"index": 0, "text": "Hi!", "logprobs": listed}]}
    upstream, backend = await served(sends(event, chunk(reason="stop")))
    asked = replace(generation(logprobs=2), messages=(), text="Say hi:")
    piece = (await collect(backend.answer(asked)))[0]
    assert piece.logprobs == (
        TokenLogprob(b"Hi", -0.5, (TokenLogprob(b"Hi", -0.5), TokenLogprob(b"Yo", -2.0))),
    )
    assert upstream.prompts[0]["logprobs"] == 2


async def test_tokens_that_come_without_text_are_heard(served):
    event = chunk("")
    event["choices"][0]["logprobs"] = {"content": [{"token": "Hi", "logprob": -0.5}]}
    _, backend = await served(sends(chunk("Hi"), event, chunk(reason="stop")))
    pieces = (await collect(backend.answer(generation(logprobs=0))))[:-1]
    assert [token.raw for piece in pieces for token in piece.logprobs] == [b"Hi"]


@pytest.mark.parametrize("wrong", [5, [], {"content": 5}, {"content": [5]}, {"tokens": 5}, {"tokens": [5]}])
async def test_tokens_that_cannot_be_read_are_left_out(served, wrong):
    event = chunk("Hi")
    event["choices"][0]["logprobs"] = wrong
    _, backend = await served(sends(event, chunk(reason="stop")))
    assert (await collect(backend.answer(generation(logprobs=0))))[0] == Piece("Hi")
