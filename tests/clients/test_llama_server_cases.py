"""
What llama.cpp's own server promises of chat completions, asked of this gateway: the facts behind its
tools/server/tests/unit/test_chat_completion.py (llama.cpp 0c1e57098), in our words and on our default model.

Cases of that file that are not here, and why:

    chat templates, --jinja or not    a model's own template is used; tests/inference/test_template.py
    assistant prefill, and            a conversation that ends with the assistant gets a new message (below),
      continue_final_message          as with OpenAI; the field is refused
    __verbose, /apply-template        would show the prompt as the model sees it, the operator's words too
    system_fingerprint                nobody is told which build answers; revisions are part of cache keys
    grammar, json_schema at the top   `response_format` has both (below); at the top they are refused
    json_object with a schema         OpenAI's `json_schema` does it; the extra field is refused
    timings_per_token, and            headers say where the time went; the fields are refused
      return_progress
    id_slot                           slots belong to the scheduler; refused
    input_tokens, /tokenize           there is no such call
    logprobs                          tests of their own
    two assistants at the end         taken, as with OpenAI (below)
"""

import json

import httpx
import llama_cpp
import pytest

from tests.clients.programs.names import MODEL

pytestmark = [pytest.mark.clients, pytest.mark.server, pytest.mark.model]
BOOK = [{"role": "system", "content": "Book"}, {"role": "user", "content": "What is the best book"}]
CODE = [
    {"role": "system", "content": "You are a coding assistant."},
    {"role": "user", "content": "Write an example"},
]


@pytest.fixture(scope="module")
def post(gateway, key):
    """Status and body of one chat completion."""

    def send(**body):
        return gateway.post("/v1/chat/completions", {"model": MODEL, **body}, token=key)

    return send


@pytest.fixture(scope="module")
def stream(gateway, key):
    """The events of a streamed one."""

    def send(**body):
        url, headers = f"{gateway.base}/v1/chat/completions", {"Authorization": f"Bearer {key}"}
        body = {"model": MODEL, **body, "stream": True}
        with httpx.stream("POST", url, json=body, headers=headers, timeout=120) as answer:
            answer.read()
        if answer.status_code != 200:
            return answer.status_code, answer.json()
        *lines, last = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
        assert last == "[DONE]"
        return 200, [json.loads(line) for line in lines]

    return send


@pytest.mark.parametrize(
    "question", ["Hey", [{"type": "text", "text": "What is"}, {"type": "text", "text": "the best book"}]]
)
def test_an_answer_has_its_parts_and_ends_at_its_length(post, question):
    messages = [BOOK[0], {"role": "user", "content": question}]
    status, body = post(messages=messages, max_tokens=8, ignore_eos=True)
    assert status == 200
    assert "cmpl" in body["id"]
    assert body["usage"]["completion_tokens"] == 8
    assert body["usage"]["prompt_tokens"] > 8
    (choice,) = body["choices"]
    assert choice["message"]["role"] == "assistant"
    assert choice["message"]["content"]
    assert choice["finish_reason"] == "length"


def test_a_model_need_not_be_named(gateway, key):
    body = {"messages": BOOK, "max_tokens": 2}
    assert gateway.post("/v1/chat/completions", body, token=key)[1]["model"] == MODEL


def test_a_stream_is_one_answer_with_its_role_first_and_its_reason_last(stream):
    status, events = stream(
        messages=BOOK, max_tokens=8, ignore_eos=True, stream_options={"include_usage": True}
    )
    assert status == 200
    first, *pieces, last, spent = events
    assert len({event["id"] for event in events}) == 1
    assert {event["model"] for event in events} == {MODEL}
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert not first["choices"][0]["delta"].get("content")
    assert all("role" not in event["choices"][0]["delta"] for event in pieces)
    assert all(event["choices"][0]["finish_reason"] is None for event in pieces)
    assert not last["choices"][0]["delta"].get("content")
    assert last["choices"][0]["finish_reason"] == "length"
    assert spent["choices"] == []
    assert spent["usage"]["completion_tokens"] == 8


def test_a_prompt_is_computed_from_where_it_differs_from_the_last_one(post):
    """Counted for the second and later ones: their answers are drawn anew, so none comes out of the cache."""

    def cached(numbers):
        messages = [{"role": "system", "content": "Test"}, {"role": "user", "content": numbers}]
        usage = post(messages=messages, max_tokens=4, temperature=0.8)[1]["usage"]
        return usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]

    cached("1 2 3 4 5 6")
    prompt, same = cached("1 2 3 4 5 6")
    _, later = cached("1 2 3 4 5 9")
    _, earlier = cached("1 2 3 9 9 9")
    assert prompt > same > later > earlier > 0


@pytest.mark.parametrize(
    ("format", "is_right"),
    [
        ({"const": "foooooo"}, lambda said: said == "foooooo"),
        (
            {"type": "array", "items": {"type": "integer"}, "maxItems": 3},
            lambda said: all(isinstance(n, int) for n in said),
        ),
        ({"enum": [42, 43]}, lambda said: said in (42, 43)),
    ],
)
def test_a_schema_is_the_form_of_an_answer(post, format, is_right):
    wanted = {"type": "json_schema", "json_schema": {"name": "form", "schema": format}}
    status, body = post(messages=CODE, max_tokens=60, temperature=0, response_format=wanted)
    assert status == 200, body
    assert is_right(json.loads(body["choices"][0]["message"]["content"]))


def test_a_json_object_begins_as_one(post):
    _, body = post(messages=CODE, max_tokens=10, response_format={"type": "json_object"})
    assert body["choices"][0]["message"]["content"].lstrip().startswith("{")


def test_a_grammar_is_the_form_of_an_answer(post):
    wanted = {"type": "grammar", "grammar": 'root ::= "a"{5,5}'}
    _, body = post(messages=CODE, max_tokens=6, response_format=wanted)
    assert body["choices"][0]["message"]["content"] == "aaaaa"


@pytest.mark.parametrize(
    "format",
    [
        {"type": "sound"},
        {"type": "json_object", "schema": 123},
        {"type": "json_schema", "json_schema": {"name": "form", "schema": 123}},
        {"type": "json_schema", "json_schema": {"name": "form", "schema": {"type": 123}}},
        {"type": "json_schema", "json_schema": {"name": "form", "schema": {"type": "hiccup"}}},
        {"type": "grammar", "grammar": "root ::= this is (not valid GBNF"},
    ],
)
def test_a_form_that_is_none_is_refused(post, format):
    status, body = post(messages=CODE, max_tokens=8, response_format=format)
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize(
    "messages",
    [
        None,
        "string",
        [123],
        [{}],
        [{"role": 123}],
        [{"role": "system", "content": 123}],
        [{"content": "hello"}],
        [{"role": "system", "content": "test"}, {}],
    ],
)
def test_messages_that_are_none_are_refused(post, messages):
    status, body = post(messages=messages)
    assert (status, body["error"]["type"]) == (400, "invalid_request_error")


@pytest.mark.parametrize("last", [["Whill"], ["test", "test"]])
def test_a_conversation_may_end_with_the_assistant(post, last):
    messages = [*BOOK, *({"role": "assistant", "content": said} for said in last)]
    status, body = post(messages=messages, max_tokens=4)
    assert (status, len(body["choices"])) == (200, 1)


@pytest.mark.parametrize(
    "field",
    [
        {"continue_final_message": True, "add_generation_prompt": True},
        {"grammar": 'root ::= "a"'},
        {"json_schema": {"const": "42"}},
        {"timings_per_token": True},
        {"return_progress": True},
        {"id_slot": 0},
        {"verbose": True},
    ],
)
def test_fields_of_that_server_alone_are_refused_by_name(post, field):
    status, body = post(messages=BOOK, max_tokens=2, **field)
    assert (status, body["error"]["code"]) == (400, "unknown_parameter")
    assert body["error"]["param"] in field


def test_tokens_with_a_bias_against_them_are_not_said(post, default_model_path):
    said = post(messages=BOOK, max_tokens=40, temperature=0)[1]["choices"][0]["message"]["content"]
    vocabulary = llama_cpp.Llama(str(default_model_path), vocab_only=True, verbose=False)
    words = [word for word in said.split()[1:12] if word.isalpha()]
    tokens = [vocabulary.tokenize(f" {word}".encode(), add_bos=False) for word in words]
    banned = {found[0]: word for word, found in zip(words, tokens, strict=True) if len(found) == 1}
    assert len(banned) > 2
    bias = {str(token): -100 for token in banned}
    _, body = post(messages=BOOK, max_tokens=40, temperature=0, logit_bias=bias)
    other = body["choices"][0]["message"]["content"]
    assert not any(f" {word} " in other for word in banned.values())
    assert other


def test_a_prompt_beyond_the_context_is_refused_whole_and_before_a_stream(post, stream):
    for status, body in (post(messages=BOOK * 500), stream(messages=BOOK * 500)):
        assert (status, body["error"]["code"]) == (400, "context_length_exceeded")


def test_several_choices_come_twice(post):
    for _ in range(2):
        status, body = post(messages=BOOK, max_tokens=8, n=2, ignore_eos=True)
        assert status == 200
        assert [choice["index"] for choice in body["choices"]] == [0, 1]
        assert {choice["finish_reason"] for choice in body["choices"]} == {"length"}
        assert {choice["message"]["role"] for choice in body["choices"]} == {"assistant"}
