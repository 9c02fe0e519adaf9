"""Tools on a model server over real sockets."""

import json

import pytest

from inference.backends import CallPiece, Piece, Tool
from inference.errors import CallUnfit, GenerationFailed
from inference.remote.reading import add
from tests.inference.remote.conftest import collect, endings_of, generation, text_of
from tests.upstream import chunk, refuses, says, sends

TOOLS = (Tool("f", "", ""), Tool("g", "", ""))


def calling(*calls, reason=None, text=None):
    return {
        "choices": [{"index": 0, "delta": {"content": text, "tool_calls": calls}, "finish_reason": reason}]
    }


def a_call(index, name="", arguments=""):
    return {"index": index, "id": f"c{index}", "function": {"name": name, "arguments": arguments}}


def joined(pieces):
    made = []
    for piece in pieces:
        add(made, piece)
    return made


CALL_EVENTS = [
    calling(a_call(0, "f", '{"a":'), text="So. "),
    calling(a_call(1, "g", "{}")),
    calling(a_call(0, "", "1}")),
]


@pytest.mark.parametrize("end", [chunk(reason="tool_calls"), chunk(reason="stop"), None])
async def test_calls_come_in_order_and_end_an_answer_whatever_its_reason(served, end):
    _, backend = await served(sends(*CALL_EVENTS, *([end] if end else []), "[DONE]"))
    *pieces, ending = await collect(backend.answer(generation(tools=TOOLS)))
    assert joined(pieces) == [
        Piece("So. "),
        CallPiece(0, "f", '{"a":1}'),
        CallPiece(1, "g", "{}"),
    ]
    assert ending.finish_reason == "tool_calls"
    assert ending.completion_tokens == 4, "what was called was written too"


async def test_a_reason_of_calls_without_calls_is_a_stop_and_a_limit_stays_one(served):
    _, backend = await served(
        says(reason="tool_calls"), sends(*CALL_EVENTS[:1], chunk(reason="length"), "[DONE]")
    )
    assert endings_of(await collect(backend.answer(generation())))[0].finish_reason == "stop"
    assert endings_of(await collect(backend.answer(generation(tools=TOOLS))))[0].finish_reason == "length"


async def test_an_older_function_call_is_no_call(served):
    old = {"choices": [{"index": 0, "delta": {"function_call": {"name": "f"}, "content": "x"}}]}
    _, backend = await served(sends(old, chunk(reason="function_call")))
    events = await collect(backend.answer(generation(tools=TOOLS)))
    assert (text_of(events), endings_of(events)[0].finish_reason) == ("x", "stop")


async def test_a_tool_that_was_not_offered_fails_the_answer_and_is_not_named(served, caplog):
    _, backend = await served(sends(chunk("Well. "), calling(a_call(0, "rm_rf", "{}"))))
    events = backend.answer(generation(tools=TOOLS))
    assert (await anext(events)).text == "Well. "
    with pytest.raises(CallUnfit) as raised:
        await anext(events)
    assert "rm_rf" not in f"{raised.value}{caplog.text}"


async def test_calls_behind_the_end_are_refused(served):
    _, backend = await served(sends(chunk("x", reason="stop"), calling(a_call(0, "f", "{}"))))
    with pytest.raises(GenerationFailed):
        await collect(backend.answer(generation(tools=TOOLS)))


WHOLE = {
    "choices": [
        {
            "index": 0,
            "message": {
                "content": "So. ",
                "tool_calls": [
                    {"id": "x", "type": "function", "function": {"name": "f", "arguments": ""}},
                    {"id": "y", "type": "function", "function": {"name": "g", "arguments": "{}"}},
                ],
            },
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {"prompt_tokens": 5, "completion_tokens": 2},
}


async def test_a_server_that_does_not_stream_is_heard_too(served):
    _, backend = await served(refuses(200, json.dumps(WHOLE).encode()))
    *pieces, ending = await collect(backend.answer(generation(tools=TOOLS)))
    assert joined(pieces) == [Piece("So. "), CallPiece(0, "f"), CallPiece(1, "g", "{}")]
    assert (ending.finish_reason, ending.prompt_tokens, ending.completion_tokens) == ("tool_calls", 5, 2)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"[]", b'{"choices": 5}', b'{"choices": [5]}', b'{"choices": [{"message": 5}]}',
        b'{"error": {"a": 1}}',
        b'{"choices": [{"message": {"tool_calls": 5}}]}', b'{"choices": [{"message": {"tool_calls": [5]}}]}',
        b'{"choices": [{"index": 1, "message": {"content": "x"}}]}', b" " * (2 << 20),
    ],
)  # fmt: skip
async def test_a_whole_answer_that_cannot_be_is_one_clear_error(served, body):
    _, backend = await served(refuses(200, body))
    with pytest.raises(GenerationFailed):
        await collect(backend.answer(generation(tools=TOOLS)))


async def test_what_tools_take_of_a_prompt_is_believed(served):
    usage = {"prompt_tokens": 2000, "completion_tokens": 1}
    _, backend = await served(says("x", usage=usage))
    tools = (Tool("f", "x" * 3000, ""),)
    assert endings_of(await collect(backend.answer(generation(tools=tools))))[0].prompt_tokens == 2000
