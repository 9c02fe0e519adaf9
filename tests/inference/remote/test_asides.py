"""Reasoning and refusals of a model server."""

import json

import pytest

from inference.backends import AsidePiece, Piece
from inference.errors import GenerationFailed
from inference.remote.reading import add
from tests.inference.remote.conftest import collect, generation
from tests.upstream import chunk, refuses, sends


def beside(**delta):
    return {"choices": [{"index": 0, "delta": delta}]}


async def said(backend):
    made = []
    for piece in (await collect(backend.answer(generation())))[:-1]:
        add(made, piece)
    return made


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
async def test_reasoning_comes_beside_the_answer(served, name):
    events = [beside(**{name: "So "}), beside(**{name: "so."}), chunk("Yes."), beside(**{name: "Hm."})]
    _, backend = await served(sends(*events, chunk(reason="stop")))
    assert await said(backend) == [
        AsidePiece("reasoning", "So so."),
        Piece("Yes."),
        AsidePiece("reasoning", "Hm."),
    ]


async def test_reasoning_under_both_names_is_one(served):
    both = beside(reasoning_content="So.", reasoning="So.", content=None)
    _, backend = await served(sends(both, beside(reasoning={"a": 1}), chunk("x", reason="stop")))
    assert await said(backend) == [AsidePiece("reasoning", "So."), Piece("x")]


async def test_a_refusal_and_what_was_not_streamed(served):
    message = {"content": None, "refusal": "No \ud83d\ude00", "reasoning_content": "Hm."}
    body = json.dumps({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})
    _, backend = await served(
        sends(beside(refusal="N"), beside(refusal="o."), chunk(reason="stop")),
        refuses(200, body.encode()),
    )
    assert await said(backend) == [AsidePiece("refusal", "No.")]
    assert await said(backend) == [AsidePiece("reasoning", "Hm."), AsidePiece("refusal", "No 😀")]


@pytest.mark.parametrize("delta", [{"reasoning_content": 5}, {"refusal": ["no"]}])
async def test_what_is_no_text_is_refused(served, delta):
    _, backend = await served(sends(beside(**delta), chunk(reason="stop")))
    with pytest.raises(GenerationFailed):
        await said(backend)
