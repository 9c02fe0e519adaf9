"""`/prompt` over HTTP, with a parrot behind it and the real book."""

import asyncio
import json

import pytest
from asgiref.sync import sync_to_async

from inference.backends import Format, Sampling
from inference.errors import GenerationFailed, ModelUnavailable, QueueFull
from prompts import composition
from prompts.models import Prompt
from sanitization.policies import Policy
from tests.fakes import Parrot, house_of

pytestmark = pytest.mark.django_db(transaction=True)
TEXT = "write to ann@corp.com about 4111 1111 1111 1111"
MASKED = "write to [EMAIL_1] about [CREDIT_CARD_1]"


async def events_of(response):
    """The server-sent events of a streamed answer: (name, data)."""
    raw = b"".join([chunk async for chunk in response.streaming_content]).decode()
    for block in raw.strip().split("\n\n"):
        name, data = block.split("\n")
        yield name.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def test_an_answer_has_the_names_of_the_service_that_this_one_succeeds(as_alice):
    response = await as_alice.ask(TEXT)
    assert response.status_code == 201
    body = response.json()
    assert body["response"] == TEXT
    assert body["sanitizedPrompt"] == body["promptSent"] == MASKED
    assert body["emailsSanitized"] == ["ann@corp.com"]
    assert body["finishReason"] == "stop"
    assert body["usage"]["totalTokens"] == body["usage"]["promptTokens"] + body["usage"]["completionTokens"]
    assert body["cached"] is False
    assert body["model"] == "parrot"
    assert {finding["rule"] for finding in body["findings"]} == {"email", "credit_card"}


async def test_findings_point_into_the_original_and_the_sanitized_text(as_alice):
    finding = (await as_alice.ask(TEXT)).json()["findings"][0]
    assert TEXT[finding["start"] : finding["end"]] == "ann@corp.com"
    assert MASKED[finding["outputStart"] : finding["outputEnd"]] == "[EMAIL_1]"
    assert (finding["direction"], finding["part"], finding["action"]) == ("prompt", "/prompt", "mask")


async def test_the_book_keeps_what_was_sanitized_and_nothing_raw(as_alice, alice):
    made = (await as_alice.ask(TEXT)).json()
    row = await Prompt.objects.aget(id=made["id"])
    assert (row.prompt, row.response, row.user_id) == (MASKED, MASKED, alice.id)
    assert row.outcome == "answered"
    assert row.rules == ["credit_card", "email"]
    assert row.finished_at is not None
    assert "ann@corp.com" not in str(vars(row))


async def test_a_stored_prompt_shows_the_sanitized_answer_only(as_alice):
    made = (await as_alice.ask(TEXT)).json()
    kept = (await as_alice.get(f"/prompt/{made['id']}")).json()
    assert kept["response"] == kept["sanitizedPrompt"] == MASKED
    assert kept["emailsSanitized"] == []
    assert {**kept, "response": 0, "emailsSanitized": 0} == {**made, "response": 0, "emailsSanitized": 0}


async def test_a_stream_ends_with_the_full_object(as_alice):
    response = await as_alice.ask(TEXT, stream=True)
    assert response.status_code == 200
    assert response["Content-Type"] == "text/event-stream"
    events = [event async for event in events_of(response)]
    assert [name for name, _ in events[:-1]] == ["delta"] * (len(events) - 1)
    name, done = events[-1]
    assert name == "done"
    assert "".join(data["text"] for _, data in events[:-1]) == done["response"] == TEXT
    assert (await Prompt.objects.aget(id=done["id"])).outcome == "answered"


async def test_a_stream_that_breaks_ends_with_an_error_and_never_with_done(as_alice, parrot):
    parrot.words, parrot.error = "Some plain words. " * 20, GenerationFailed()
    events = [event async for event in events_of(await as_alice.ask(TEXT, stream=True))]
    assert events[-1][0] == "error"
    assert events[-1][1]["code"] == "generation-failed"
    assert (await Prompt.objects.aget()).outcome == "failed"


async def test_a_bug_in_a_stream_shows_nothing_of_itself(as_alice, parrot):
    parrot.words, parrot.error = "Plain words. " * 20, ZeroDivisionError("secret of ann@corp.com")
    events = [event async for event in events_of(await as_alice.ask("hi", stream=True))]
    assert events[-1][0] == "error"
    assert "ann@" not in json.dumps(events[-1])


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_refused_before_its_first_word_gets_a_status(as_alice, parrot, stream):
    parrot.words, parrot.error = "", QueueFull(retry_after_seconds=4)
    response = await as_alice.ask("hello", stream=stream)
    assert response.status_code == 503
    assert response["Retry-After"] == "4"
    assert response["Content-Type"] == "application/problem+json"
    assert response.json()["code"] == "queue-full"


async def test_a_model_that_is_missing_is_said_clearly(as_alice, parrot):
    parrot.words, parrot.error = "", ModelUnavailable("The model is not downloaded.")
    response = await as_alice.ask("hello")
    assert response.status_code == 503
    assert response.json()["detail"] == "The model is not downloaded."


async def test_a_blocked_prompt_names_the_rules_and_its_row(as_alice, journal):
    house = house_of(Parrot(), journal=journal, policy=Policy.build(block=("email",)))
    composition.install(house)
    response = await as_alice.ask(TEXT)
    assert response.status_code == 422
    body = response.json()
    assert (body["code"], body["rules"]) == ("prompt-blocked", ["email"])
    row = await Prompt.objects.aget(id=body["id"])
    assert row.outcome == "blocked"
    assert "ann@" not in row.prompt


async def test_a_book_that_cannot_be_written_answers_503_and_asks_no_model(as_alice, journal, parrot):
    journal.close()
    response = await as_alice.ask("hello")
    assert response.status_code == 503
    assert response.json()["code"] == "journal-unavailable"
    assert parrot.heard == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("  ", 400),
        ("{", 400),
        ("[]", 400),
        ("null", 400),
        ('"prompt"', 400),
        ("{}", 400),
        ('{"prompt": ""}', 400),
        ('{"prompt": 5}', 400),
        ('{"prompt": null}', 400),
        ('{"prompt": ["a"]}', 400),
        ('{"prompt": "a\\u0000b"}', 400),
        ('{"prompt": "\\ud800"}', 400),
        ('{"prompt": "a", "colour": "red"}', 400),
        ('{"prompt": "a", "temperature": "hot"}', 400),
        ('{"prompt": "a", "temperature": NaN}', 400),
        ('{"prompt": "a", "temperature": 3}', 400),
        ('{"prompt": "a", "max_tokens": 0}', 400),
        ('{"prompt": "a", "max_tokens": 1.5}', 400),
        ('{"prompt": "a", "max_tokens": true}', 400),
        ('{"prompt": "a", "stream": "yes"}', 400),
        ('{"prompt": "a", "top_p": 2}', 400),
        ('{"prompt": "a", "seed": "x"}', 400),
        ('{"prompt": "a", "logit_bias": {"x": 1}}', 400),
        ('{"prompt": "a", "stop": [5]}', 400),
        ('{"prompt": "a", "response_format": {"type": "xml"}}', 400),
        ('{"prompt": "a", "deadline_seconds": 0}', 400),
        ('{"prompt": "a", "model": "gpt-9"}', 404),
        (b'{"prompt": "\xff"}', 400),
        ("[" * 200_000, 400),
        ('{"prompt": ' + "[" * 100_000 + "]" * 100_000 + "}", 400),
        ('{"prompt": "' + "x" * 100_001 + '"}', 400),
        ('{"prompt": "a", "max_tokens": ' + "9" * 5000 + "}", 400),
    ],
)
async def test_bad_input_gets_a_sentence_and_never_a_500(as_alice, body, status, parrot):
    response = await as_alice.post(body)
    assert response.status_code == status, response.content[:200]
    assert response["Content-Type"] == "application/problem+json"
    assert len(response.json()["detail"]) > 10
    assert parrot.heard == []
    assert await Prompt.objects.acount() == 0


async def test_a_body_of_another_type_is_refused(as_alice):
    assert (await as_alice.post("prompt=hello", "application/x-www-form-urlencoded")).status_code == 415


async def test_a_missing_model_name_lists_what_is_served(as_alice):
    assert "parrot" in (await as_alice.ask("hi", model="gpt-9")).json()["detail"]


async def test_a_stranger_gets_nothing(as_nobody, as_bob, as_alice, parrot):
    path = f"/prompt/{(await as_alice.ask('hello')).json()['id']}"
    heard = len(parrot.heard)
    for response in (await as_nobody.ask(), await as_nobody.get(), await as_nobody.get(path)):
        assert response.status_code == 401
        assert response["WWW-Authenticate"].startswith("Bearer")
    assert (await as_nobody.delete(path)).status_code == 401
    assert (await as_bob.get(path)).status_code == 404
    assert (await as_bob.delete(path)).status_code == 404
    assert (await as_bob.get()).json()["results"] == []
    assert len(parrot.heard) == heard
    assert (await as_alice.get(path)).json()["erasedAt"] is None


async def test_the_list_is_newest_first_and_paged(as_alice):
    made = [(await as_alice.ask(f"number {n}")).json()["id"] for n in range(5)]
    page = (await as_alice.get(limit=2)).json()
    assert [row["id"] for row in page["results"]] == [made[4], made[3]]
    second = (await as_alice.client.get(page["next"], headers=as_alice.headers)).json()
    assert [row["id"] for row in second["results"]] == [made[2], made[1]]
    assert page["previous"] is None


async def test_the_list_filters_by_rule_outcome_and_time(as_alice):
    plain = (await as_alice.ask("hello")).json()
    marked = (await as_alice.ask(TEXT)).json()

    async def ids(**query):
        response = await as_alice.get(**query)
        assert response.status_code == 200, response.content
        return [row["id"] for row in response.json()["results"]]

    assert await ids(rule="email") == [marked["id"]]
    assert await ids(rule="iban") == []
    assert await ids(outcome="answered") == [marked["id"], plain["id"]]
    assert await ids(outcome="blocked") == []
    assert await ids(since=marked["createdAt"]) == [marked["id"]]
    assert await ids(until=marked["createdAt"]) == [plain["id"]]


@pytest.mark.parametrize(
    "query", [{"outcome": "fine"}, {"since": "soon"}, {"rule": "a'; DROP"}, {"colour": "red"}]
)
async def test_a_wrong_filter_is_an_error_and_not_an_empty_list(as_alice, query):
    assert (await as_alice.get(**query)).status_code == 400


async def test_an_erased_row_stays_without_its_text(as_alice):
    made = (await as_alice.ask(TEXT)).json()
    assert (await as_alice.delete(f"/prompt/{made['id']}")).status_code == 204
    kept = (await as_alice.get(f"/prompt/{made['id']}")).json()
    assert kept["erasedAt"] is not None
    assert (kept["promptSent"], kept["response"], kept["findings"]) == ("", "", [])
    row = await Prompt.objects.aget(id=made["id"])
    assert (row.system, row.rules, row.outcome) == ("", [], "answered")
    first = row.erased_at
    assert (await as_alice.delete(f"/prompt/{made['id']}/")).status_code == 204
    assert (await Prompt.objects.aget(id=made["id"])).erased_at == first


async def test_a_row_that_is_erased_while_it_runs_stays_erased(as_alice, parrot):
    parrot.pause_seconds = 0.02
    asking = asyncio.create_task(as_alice.ask("a rather long prompt to answer"))
    while not parrot.running:
        await asyncio.sleep(0.01)
    row = await Prompt.objects.aget()
    assert (await as_alice.delete(f"/prompt/{row.id}")).status_code == 204
    assert (await asking).status_code == 201
    row = await Prompt.objects.aget()
    assert (row.prompt, row.response, row.outcome) == ("", "", "answered")


async def test_a_trailing_slash_makes_no_difference(as_alice):
    made = (
        await as_alice.client.post(
            "/prompt/",
            json.dumps({"prompt": "hi"}),
            content_type="application/json",
            headers=as_alice.headers,
        )
    ).json()
    assert (await as_alice.get("/prompt/")).json()["results"][0]["id"] == made["id"]
    assert (await as_alice.get(f"/prompt/{made['id']}/")).status_code == 200


async def test_a_repeated_deterministic_prompt_is_cached_and_has_its_own_row(as_alice, parrot):
    first = (await as_alice.ask(TEXT, temperature=0)).json()
    second = (await as_alice.ask(TEXT, temperature=0)).json()
    assert second["cached"] is True
    assert second["response"] == first["response"] == TEXT
    assert second["id"] != first["id"]
    assert len(parrot.generations) == 1


async def test_samplers_stops_and_formats_reach_the_model(as_alice, parrot):
    schema = {"type": "json_schema", "json_schema": {"schema": {"const": "bob@corp.com"}}}
    response = await as_alice.ask(
        TEXT,
        top_p=0.8,
        top_k=-1,
        min_p=0.1,
        typical_p=0.9,
        repeat_penalty=1.1,
        presence_penalty=0.2,
        frequency_penalty=-0.3,
        logit_bias={"9": 4},
        seed=7,
        ignore_eos=True,
        stop=["bob@corp.com"],
        response_format=schema,
        priority="batch",
        deadline_seconds=30,
    )
    assert response.status_code == 201, response.content
    (asked,) = parrot.generations
    assert asked.sampling == Sampling(0.2, ((9, 4.0),), 1.1, -0.3, 0.2, 0, 0.9, 0.8, 0.1, 7, True)
    assert (asked.stop, asked.priority, asked.deadline_seconds) == (("[EMAIL_2]",), "batch", 30)
    assert asked.format == Format("json_schema", '{"const":"[EMAIL_2]"}')
    row = await Prompt.objects.aget()
    assert row.prompt == MASKED
    assert [part["part"] for part in row.parts] == ["/stop/0", "/response_format/json_schema/schema"]


async def test_a_hundred_prompts_at_once_from_ten_users_never_mix(served, django_user_model, token_of):
    from tests.prompts.conftest import Caller

    create = sync_to_async(django_user_model.objects.create_user)
    users = [await create(f"user{n}@corp.com") for n in range(10)]
    callers = [Caller(token_of(user)) for user in users]

    async def ask(n):
        return await callers[n % 10].ask(f"I am number{n} at user{n % 10}@corp.com")

    answers = await asyncio.gather(*(ask(n) for n in range(100)))
    for n, answer in enumerate(answers):
        assert answer.json()["response"] == f"I am number{n} at user{n % 10}@corp.com"
    assert await Prompt.objects.filter(outcome="answered").acount() == 100
    for n, user in enumerate(users):
        assert await Prompt.objects.filter(user=user, prompt__contains="number").acount() == 10, n


async def test_reading_the_list_costs_one_query(as_alice, clock, django_assert_num_queries):
    for _ in range(3):
        await as_alice.ask(TEXT)
    from django.test import Client

    def read():
        with django_assert_num_queries(1):  # the page; who asks is known by now
            return Client().get("/prompt", headers=as_alice.headers)

    assert (await sync_to_async(read)()).status_code == 200


async def test_a_wrong_method_says_which_are_right(as_alice):
    refused = await as_alice.client.put("/prompt", headers=as_alice.headers)
    assert refused.status_code == 405
    asked = await as_alice.client.options("/prompt", headers=as_alice.headers)
    for response in (refused, asked):
        assert {"GET", "POST"} <= set(response["Allow"].split(", "))
