"""Bodies, for servers that know more and less."""

from dataclasses import replace

import pytest

from inference.backends import MARK, Called, Format, Media, Message, Sampling, Tool, ToolUse
from inference.errors import ParameterUnsupported
from inference.remote.options import KINDS, RemoteOptions
from inference.remote.wire import body_of
from tests.inference.remote.conftest import generation

PLAIN = {"model", "messages", "stream", "stream_options", "max_tokens", "temperature", "top_p"}
RICH = Sampling(
    0.5,
    logit_bias=((7, -1.5),),
    repetition_penalty=1.1,
    frequency_penalty=0.2,
    presence_penalty=0.3,
    top_k=0,
    typical_p=0.9,
    min_p=0.05,
    seed=5,
    ignore_eos=True,
)


def options(kind, **more):
    return RemoteOptions(kind, "http://up/v1", **{"fields": KINDS[kind].fields, **more})


@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_prompt_needs_nothing_that_some_servers_do_not_know(kind):
    _, body = body_of(generation(), options(kind))
    assert set(body) - {"top_k", "user"} == PLAIN
    assert ("user" in body) == (kind == "engine")


def test_our_own_engine_is_told_everything():
    asked = generation(
        sampling=RICH,
        choices=2,
        stop=("\n",),
        priority="batch",
        deadline_seconds=9.0,
        format=Format("json_object"),
    )
    _, body = body_of(asked, options("engine"))
    assert body["logit_bias"] == {"7": -1.5}
    assert (body["top_k"], body["min_p"], body["typical_p"]) == (-1, 0.05, 0.9)
    assert (body["repeat_penalty"], body["ignore_eos"], body["seed"]) == (1.1, True, 5)
    assert (body["n"], body["stop"], body["priority"], body["deadline_seconds"]) == (2, ["\n"], "batch", 9.0)
    assert body["response_format"] == {"type": "json_object"}
    assert body["user"] == "alice"


def test_one_thing_has_two_names():
    asked = generation(sampling=Sampling(0.5, repetition_penalty=1.2))
    assert body_of(asked, options("vllm"))[1]["repetition_penalty"] == 1.2
    assert body_of(asked, options("llama-server"))[1]["repeat_penalty"] == 1.2
    with pytest.raises(ParameterUnsupported, match="repeat_penalty"):
        body_of(asked, options("openai"))


def test_everything_that_would_change_the_answer_and_is_not_known_is_named():
    with pytest.raises(ParameterUnsupported) as lacking:
        body_of(generation(sampling=RICH, choices=2, logprobs=0), options("openai", fields=frozenset()))
    assert set(lacking.value.names) == {
        *("presence_penalty", "frequency_penalty", "logit_bias", "seed", "n", "min_p", "typical_p"),
        *("ignore_eos", "top_k", "repeat_penalty", "logprobs"),
    }


def test_an_operators_list_leaves_out_what_a_server_refuses():
    _, body = body_of(
        generation(), options("openai", fields=frozenset(), max_tokens_field="max_completion_tokens")
    )
    assert set(body) == {"model", "messages", "stream", "max_completion_tokens"}


def test_effort_and_verbosity_go_to_those_who_know_them_and_are_refused_elsewhere():
    asked = generation(reasoning_effort="low", verbosity="high")
    assert body_of(asked, options("openai"))[1].items() >= {
        ("reasoning_effort", "low"),
        ("verbosity", "high"),
    }
    with pytest.raises(ParameterUnsupported, match=r"^verbosity$"):
        body_of(asked, options("vllm"))
    with pytest.raises(ParameterUnsupported, match="reasoning_effort, verbosity"):
        body_of(asked, options("engine"))


@pytest.mark.parametrize(("kind", "is_told"), [("vllm", True), ("engine", True), ("openai", False)])
def test_earlier_reasoning_goes_to_those_who_take_it(kind, is_told):
    said = (Message("user", "hi"), Message("assistant", "ho", reasoning="hm"), Message("user", "so?"))
    _, body = body_of(replace(generation(), messages=said), options(kind))
    assert body["messages"][1].get("reasoning_content") == ("hm" if is_told else None)
    assert "reasoning_content" not in body["messages"][0]


def test_grammars_go_to_those_who_read_them():
    asked = generation(format=Format("grammar", 'root ::= "a"'))
    assert body_of(asked, options("llama-server"))[1]["grammar"] == 'root ::= "a"'
    assert body_of(asked, options("engine"))[1]["response_format"]["type"] == "grammar"
    with pytest.raises(ParameterUnsupported):
        body_of(asked, options("vllm"))


def test_addresses_are_below_the_base_or_at_the_root():
    remote = RemoteOptions("vllm", "https://host:8000/some/v1")
    assert remote.url("models") == "https://host:8000/some/v1/models"
    assert remote.url("/health") == "https://host:8000/health"


TOOLS = (Tool("f", "does", '{"type":"object"}', strict=True), Tool("g", "", ""))
CALLED = (
    Message("user", "hi"),
    Message("assistant", "", (Called("call00001", "f", '{"a":1}'),)),
    Message("tool", "done", call_id="call00001"),
)


def test_tools_and_what_was_called_before_are_sent_in_openais_words():
    _, body = body_of(replace(generation(tools=TOOLS), messages=CALLED), options("openai"))
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "f",
                "description": "does",
                "parameters": {"type": "object"},
                "strict": True,
            },
        },
        {"type": "function", "function": {"name": "g"}},
    ]
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "call00001",
                    "type": "function",
                    "function": {"name": "f", "arguments": '{"a":1}'},
                }
            ],
        },
        {"role": "tool", "content": "done", "tool_call_id": "call00001"},
    ]
    assert not {"tool_choice", "parallel_tool_calls"} & set(body)


@pytest.mark.parametrize(
    ("use", "sent"),
    [
        (ToolUse("required"), {"tool_choice": "required"}),
        (ToolUse("auto", is_parallel=False), {"parallel_tool_calls": False}),
        (
            ToolUse("named", "f", is_parallel=False),
            {
                "tool_choice": {"type": "function", "function": {"name": "f"}},
                "parallel_tool_calls": False,
            },
        ),
    ],
)
def test_the_choice_of_tools_is_sent(use, sent):
    _, body = body_of(generation(tools=TOOLS, tool_use=use), options("engine"))
    assert {name: body.get(name) for name in sent} == sent
    assert {"tool_choice", "parallel_tool_calls"} & set(body) == set(sent)


def test_tools_are_refused_and_not_dropped_where_a_server_does_not_know_them():
    with pytest.raises(ParameterUnsupported, match=r"^tools$"):
        body_of(generation(tools=TOOLS), options("openai", fields=frozenset()))
    with pytest.raises(ParameterUnsupported, match=r"^tools$"):
        body_of(replace(generation(), messages=CALLED), options("openai", fields=frozenset()))
    with pytest.raises(ParameterUnsupported, match="tool_choice"):
        body_of(generation(tools=TOOLS, tool_use=ToolUse("required")), options("ollama"))
    use = ToolUse("auto", is_parallel=False)
    assert "parallel_tool_calls" not in body_of(generation(tools=TOOLS, tool_use=use), options("ollama"))[1]


PNG, WAV = Media("image", "image/png", "iVBORw0KGgo=", "low"), Media("audio", "wav", "UklGRg==")
SHOWN = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo=", "detail": "low"}}
HEARD = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}


def said(text, *media):
    return replace(generation(), messages=(Message("user", text, media=media),))


def test_images_and_recordings_stand_where_they_stood():
    sees = options("vllm", fields=KINDS["vllm"].fields | {"image_url", "input_audio"})
    _, body = body_of(said(f"This:\n{MARK}\nand this\n{MARK}", PNG, WAV), sees)
    parts = [{"type": "text", "text": "This:"}, SHOWN, {"type": "text", "text": "and this"}, HEARD]
    assert body["messages"] == [{"role": "user", "content": parts}]
    _, body = body_of(said(MARK, PNG), sees)
    assert body["messages"][0]["content"] == [SHOWN]


def test_media_whose_mark_was_masked_away_follow_the_text():
    sees = options("vllm", fields=KINDS["vllm"].fields | {"image_url", "input_audio"})
    _, body = body_of(said(f"[KEY_1]\n{MARK}\nthere", PNG, WAV), sees)
    assert body["messages"][0]["content"] == [{"type": "text", "text": "[KEY_1]\n\nthere"}, SHOWN, HEARD]


@pytest.mark.parametrize("kind", KINDS)
def test_a_server_that_is_not_said_to_see_is_shown_nothing(kind):
    with pytest.raises(ParameterUnsupported, match="image_url"):
        body_of(said(MARK, PNG), options(kind))
