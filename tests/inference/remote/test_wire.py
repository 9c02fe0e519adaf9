"""Bodies, for servers that know more and less."""

import pytest

from inference.backends import Format, Sampling, Tool
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


def test_tools_are_refused_and_not_dropped():
    with pytest.raises(ParameterUnsupported, match="tools"):
        body_of(generation(tools=(Tool("f", "", ""),)), options("openai"))
