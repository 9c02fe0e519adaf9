"""`/v1/chat/completions` over HTTP, with a parrot behind it and the real book."""

import pytest

from inference.backends import Format, Sampling
from inference.errors import FormatRefused, GenerationFailed, PromptTooLong, QueueFull
from prompts import composition
from prompts.models import Prompt
from sanitization.policies import CustomRule, Policy
from sanitization.spans import Action
from tests.fakes import Notebook, Parrot, house_of
from tests.prompts.v1.conftest import chunks_of

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = "write to ann@corp.com about 4111 1111 1111 1111"
MASKED = "write to [EMAIL_1] about [CREDIT_CARD_1]"


async def test_an_answer_has_openais_shape(as_alice):
    response = await as_alice.chat(TEXT)
    assert response.status_code == 200
    body = response.json()
    row = await Prompt.objects.aget()
    assert body == {
        "id": f"chatcmpl-{row.id.hex}",
        "object": "chat.completion",
        "created": int(row.created_at.timestamp()),
        "model": "parrot",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": TEXT, "refusal": None, "annotations": []},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 7,
            "completion_tokens": 14,
            "total_tokens": 21,
            "prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
    }
    assert response["x-request-id"] == row.request_id


async def test_a_conversation_is_sanitized_with_one_numbering_and_kept_so(as_alice, parrot):
    messages = [
        {"role": "developer", "content": "You serve ann@corp.com."},
        {"role": "user", "content": "I am bob@corp.com", "name": "bob"},
        {"role": "assistant", "content": "Hello bob@corp.com"},
        {
            "role": "user",
            "content": [{"type": "text", "text": "and ann@corp.com?"}, {"type": "text", "text": "!"}],
        },
    ]
    assert (await as_alice.chat(messages=messages)).status_code == 200
    (heard,) = parrot.generations
    assert [(message.role, message.content) for message in heard.messages] == [
        ("system", "You serve [EMAIL_1]."),
        ("user", "I am [EMAIL_2]"),
        ("assistant", "Hello [EMAIL_2]"),
        ("user", "and [EMAIL_1]?\n!"),
    ]
    row = await Prompt.objects.aget()
    assert (row.prompt, row.system) == ("and [EMAIL_1]?\n!", "You serve [EMAIL_1].")
    assert row.parts[2] == {"part": "/messages/2/content", "role": "assistant", "text": "Hello [EMAIL_2]"}
    assert row.parts[4] == {"part": "/messages/1/name", "role": "", "text": "bob"}
    assert {finding["part"] for finding in row.findings} == {f"/messages/{n}/content" for n in range(4)}
    assert "@corp" not in str(vars(row))
    read = (await as_alice.client.get(f"/prompt/{row.id}", headers=as_alice.headers)).json()
    assert (read["promptSent"], read["parts"]) == (row.prompt, row.parts)
    assert (await as_alice.client.delete(f"/prompt/{row.id}", headers=as_alice.headers)).status_code == 204
    row = await Prompt.objects.aget()
    assert (row.prompt, row.system, row.parts, row.choices, row.findings) == ("", "", [], [], [])


async def test_a_stream_has_openais_chunks_and_ends_with_done(as_alice):
    response = await as_alice.chat(TEXT, stream=True)
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/event-stream")
    chunks = await chunks_of(response)
    assert chunks.pop() == "[DONE]"
    first, *middle, last = chunks
    row = await Prompt.objects.aget()
    assert {chunk["id"] for chunk in chunks} == {f"chatcmpl-{row.id.hex}"}
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert first["choices"] == [
        {
            "index": 0,
            "delta": {"role": "assistant", "content": "", "refusal": None},
            "logprobs": None,
            "finish_reason": None,
        }
    ]
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in middle) == TEXT
    assert len(middle) > 1
    assert last["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]
    assert "usage" not in last
    assert row.response == MASKED


async def test_a_stream_tells_its_usage_where_it_is_asked_to(as_alice):
    response = await as_alice.chat("hi", stream=True, stream_options={"include_usage": True})
    *chunks, spent, done = await chunks_of(response)
    assert done == "[DONE]"
    assert all(chunk["usage"] is None for chunk in chunks)
    assert spent["choices"] == []
    assert spent["usage"]["total_tokens"] == 8


async def test_quotes_line_ends_and_strange_letters_survive_a_stream(as_alice, parrot):
    parrot.words = 'a "quote", a \\ and a\nline end, é, 漢, 🎈, \u2028'
    chunks = await chunks_of(await as_alice.chat(stream=True))
    said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks[:-1])
    assert said == parrot.words


@pytest.mark.parametrize("stream", [False, True])
async def test_each_choice_is_an_answer_of_its_own(as_alice, parrot, stream):
    parrot.words = "to bob@corp.com and [EMAIL_1]"
    response = await as_alice.chat("I am ann@corp.com", n=3, stream=stream)
    answers = ["", "", ""]
    if stream:
        for chunk in (await chunks_of(response))[:-1]:
            (choice,) = chunk["choices"]
            answers[choice["index"]] += choice["delta"].get("content", "")
    else:
        for choice in response.json()["choices"]:
            answers[choice["index"]] = choice["message"]["content"]
    assert answers == [f"to [EMAIL_2] and ann@corp.com{end}" for end in ("", " 1", " 2")]
    row = await Prompt.objects.aget()
    assert [choice["text"] for choice in row.choices] == [
        f"to [EMAIL_2] and [EMAIL_1]{end}" for end in ("", " 1", " 2")
    ]
    assert row.response == row.choices[0]["text"]
    assert {finding["part"] for finding in row.findings} == {
        "/messages/0/content",
        "/response",
        "/choices/1",
        "/choices/2",
    }
    assert row.completion_tokens == 30


async def test_every_sampling_field_reaches_the_model(as_alice, parrot):
    response = await as_alice.chat(
        model="parrot",
        temperature=0.5,
        top_p=0.8,
        top_k=12,
        min_p=0.1,
        typical_p=0.9,
        repeat_penalty=1.1,
        presence_penalty=0.2,
        frequency_penalty=-0.3,
        logit_bias={"9": 4, "2": -100},
        seed=7,
        ignore_eos=True,
        max_completion_tokens=20,
        stop=["END", "ann@corp.com"],
        priority="batch",
        deadline_seconds=30,
        user="somebody",
        metadata={"a": "b"},
        store=False,
        logprobs=None,
        tools=[],
    )
    assert response.status_code == 200, response.content
    (asked,) = parrot.generations
    assert asked.sampling == Sampling(
        0.5,
        logit_bias=((2, -100.0), (9, 4.0)),
        repetition_penalty=1.1,
        frequency_penalty=-0.3,
        presence_penalty=0.2,
        top_k=12,
        typical_p=0.9,
        top_p=0.8,
        min_p=0.1,
        seed=7,
        ignore_eos=True,
    )
    assert (asked.max_tokens, asked.stop, asked.priority) == (20, ("END", "[EMAIL_1]"), "batch")
    assert asked.deadline_seconds == 30


@pytest.mark.parametrize(
    ("response_format", "reaches"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, Format("json_object")),
        ({"type": "grammar", "grammar": 'root ::= "a"'}, Format("grammar", 'root ::= "a"')),
        (
            {
                "type": "json_schema",
                "json_schema": {"name": "x", "strict": True, "schema": {"enum": ["ann@corp.com", 1]}},
            },
            Format("json_schema", '{"enum":["[EMAIL_1]",1]}'),
        ),
    ],
)
async def test_a_format_reaches_the_model_sanitized(as_alice, parrot, response_format, reaches):
    assert (await as_alice.chat(response_format=response_format)).status_code == 200
    assert parrot.generations[0].format == reaches


async def test_headers_say_where_the_time_went_and_which_policy_held(as_alice):
    whole = await as_alice.chat(temperature=0)
    again = await as_alice.chat(temperature=0)
    streamed = await as_alice.chat(stream=True)
    assert [r["x-gateway-cache"] for r in (whole, again, streamed)] == ["miss", "hit", "off"]
    for response in (whole, again, streamed):
        assert response["x-gateway-policy"].startswith("default@")
        for name in ("overhead", "sanitize", "upstream"):
            assert float(response[f"x-gateway-{name}-ms"]) >= 0
    assert whole["x-gateway-queue-ms"] == "0.5"
    assert "x-gateway-queue-ms" not in streamed


async def test_a_cached_answer_replays_as_a_stream_too(as_alice, parrot):
    await as_alice.chat(TEXT, temperature=0)
    chunks = await chunks_of(await as_alice.chat(TEXT, temperature=0, stream=True))
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks[:-1]) == TEXT
    assert len(parrot.generations) == 1


@pytest.mark.parametrize(("directive", "asked", "kept"), [("no-cache", 2, 1), ("no-store", 2, 0)])
async def test_a_caller_may_go_past_the_cache(as_alice, parrot, served, directive, asked, kept):
    for _ in range(2):
        body = {"messages": [{"role": "user", "content": "hi"}], "seed": 1}
        await as_alice.post("chat/completions", body, **{"Cache-Control": directive})
    assert (len(parrot.generations), len(served.cache.kept)) == (asked, kept)


@pytest.mark.parametrize("stream", [False, True])
async def test_a_blocked_prompt_is_refused_in_a_way_that_clients_know(as_alice, journal, stream):
    composition.install(house_of(Parrot(), journal=journal, policy=Policy.build(block=("email",))))
    response = await as_alice.chat(TEXT, stream=stream)
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], error["type"], error["param"]) == (
        "content_filter",
        "invalid_request_error",
        "prompt",
    )
    assert "email" in error["message"]
    assert (await Prompt.objects.aget()).outcome == "blocked"


async def test_an_answer_that_the_policy_cuts_off_ends_with_content_filter(as_alice, journal):
    house = house_of(Parrot("Ask bob@corp.com now"), journal=journal, policy=Policy.build(block=("email",)))
    composition.install(house)
    (choice,) = (await as_alice.chat("hi")).json()["choices"]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Ask ", "content_filter")
    *chunks, done = await chunks_of(await as_alice.chat("hi", stream=True))
    assert (chunks[-1]["choices"][0]["finish_reason"], done) == ("content_filter", "[DONE]")
    assert {row.outcome async for row in Prompt.objects.all()} == {"truncated"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (QueueFull(retry_after_seconds=4), 503, "queue_full"),
        (PromptTooLong(tokens=9, limit=5), 400, "context_length_exceeded"),
        (FormatRefused("The schema has a `$ref` that leads nowhere."), 400, "invalid_value"),
    ],
)
async def test_what_is_refused_before_its_first_word_gets_a_status(
    as_alice, parrot, stream, error, status, code
):
    parrot.words, parrot.error = "", error
    response = await as_alice.chat("hello", stream=stream)
    assert response.status_code == status
    assert response["Content-Type"] == "application/json"
    assert response.json()["error"]["code"] == code
    assert (response.get("Retry-After") == "4") is (status == 503)


@pytest.mark.parametrize(
    ("error", "code"),
    [(GenerationFailed(), "generation_failed"), (ZeroDivisionError("of ann@corp.com"), "internal_error")],
)
async def test_a_stream_that_breaks_ends_with_an_error_and_never_with_done(as_alice, parrot, error, code):
    parrot.words, parrot.error = "Some plain words. " * 20, error
    chunks = await chunks_of(await as_alice.chat(stream=True))
    assert chunks[-1]["error"]["code"] == code
    assert "[DONE]" not in chunks
    assert "ann@" not in str(chunks)
    assert (await Prompt.objects.aget()).outcome == "failed"


async def test_a_stream_whose_final_row_fails_never_ends_with_done(as_alice):
    notebook = Notebook()

    def reply(heard):
        notebook.is_away = True
        return heard * 20

    composition.install(house_of(Parrot(reply=reply), journal=notebook))
    chunks = await chunks_of(await as_alice.chat("plain words ", stream=True))
    assert chunks[-1]["error"]["code"] == "journal_unavailable"
    assert "[DONE]" not in chunks


async def test_a_value_that_an_answer_made_up_never_becomes_the_next_callers_own(as_alice, parrot):
    parrot.words = "call bob@corp.com"
    message = {"role": "user", "content": "whom?"}
    first = await as_alice.chat(messages=[message], seed=1)
    named = await as_alice.chat(messages=[{**message, "name": "ann@corp.com"}], seed=1)
    assert first.json()["choices"][0]["message"]["content"] == "call [EMAIL_1]"
    assert named.json()["choices"][0]["message"]["content"] == "call [EMAIL_2]"


@pytest.mark.parametrize("stream", [False, True])
async def test_a_choice_that_is_cut_off_leaves_the_others_whole(as_alice, journal, stream):
    rule = CustomRule("one", "word", "1", Action.BLOCK, direction="answer")
    composition.install(house_of(Parrot("fine"), journal=journal, policy=Policy(custom=(rule,))))
    response = await as_alice.chat("hi", n=3, stream=stream)
    if stream:
        ends = [chunk["choices"][0] for chunk in (await chunks_of(response))[-4:-1]]
    else:
        ends = response.json()["choices"]
    assert [choice["finish_reason"] for choice in ends] == ["stop", "content_filter", "stop"]
    row = await Prompt.objects.aget()
    assert [choice["text"] for choice in row.choices] == ["fine", "fine ", "fine 2"]
    assert row.outcome == "truncated"
