"""Limits at the doors: who is refused, with which words and headers, and what each outcome costs."""

import asyncio
import json

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from accounts import keys
from accounts.limits import definitions, usage
from accounts.limits.quotas import Quota
from accounts.models import Limit, Usage, User
from inference.errors import QueueFull
from prompts import charges, composition
from prompts.asks import Ask, plain
from prompts.models import Prompt
from tests.fakes import Parrot, house_of
from tests.prompts.conftest import Caller
from tests.prompts.v1.conftest import OpenAICaller

pytestmark = pytest.mark.django_db(transaction=True)
MOST = charges.most_of(Ask(user_id=None, request_id="", messages=plain("hello"), max_tokens=512))


def limited(user, **numbers):
    """Gives a user limits, as the admin does."""

    def give():
        limit, _ = Limit.objects.update_or_create(user=user, defaults=numbers)
        definitions.changed(limit)

    return sync_to_async(give)()


async def used_by(subject):
    """What the book's writer says of the month."""
    return (await sync_to_async(usage.in_month)(usage.this_month(), [subject]))[subject]


# -- words, statuses, headers --


async def test_without_limits_nothing_is_said_of_them(as_alice):
    answer = await as_alice.ask()
    assert answer.status_code == 201
    assert not [name for name in answer.headers if name.lower().startswith("x-ratelimit")]


async def test_prompts_say_where_the_caller_stands_and_the_next_one_is_refused(as_alice, alice, parrot):
    await limited(alice, requests_per_minute=2, tokens_per_minute=10_000)
    first = await as_alice.ask("hello", max_tokens=100)
    assert first["x-ratelimit-limit-requests"] == "2"
    assert first["x-ratelimit-remaining-requests"] == "1"
    assert first["x-ratelimit-limit-tokens"] == "10000"
    assert int(first["x-ratelimit-remaining-tokens"]) == 10_000 - (MOST - 512 + 100)
    assert first["x-ratelimit-reset-requests"].endswith("s")
    second = await as_alice.ask("hello", stream=True)
    assert second["x-ratelimit-remaining-requests"] == "0"  # before its first byte
    await drain(second)
    refused = await as_alice.ask()
    problem = refused.json()
    assert (refused.status_code, problem["code"]) == (429, "too-many-requests")
    assert refused["Content-Type"] == "application/problem+json"
    assert 0 < int(refused["Retry-After"]) <= 61
    assert refused["x-ratelimit-remaining-requests"] == "0"
    assert "2 requests a minute" in problem["detail"]
    assert len(parrot.generations) == 2
    assert await Prompt.objects.acount() == 2  # what is refused here was never accepted


async def drain(response):
    return b"".join([chunk async for chunk in response.streaming_content])


CALLS = {
    "chat/completions": {"messages": [{"role": "user", "content": "hello"}]},
    "completions": {"prompt": "hello"},
    "embeddings": {"input": "hello"},
    "moderations": {"input": "hello"},
}


@pytest.mark.parametrize("path", CALLS)
async def test_every_call_of_v1_counts_as_a_request(served, alice, token_of, path):
    await limited(alice, requests_per_minute=1)
    caller = OpenAICaller(token_of(alice))
    answer = await caller.post(path, CALLS[path])
    assert (answer.status_code, answer["x-ratelimit-remaining-requests"]) == (200, "0")
    refused = await caller.post(path, CALLS[path])
    error = refused.json()["error"]
    assert refused.status_code == 429
    assert (error["code"], error["type"], error["param"]) == ("rate_limit_exceeded", "requests", None)
    assert int(refused["Retry-After"]) > 0
    assert "x-should-retry" not in refused.headers


async def test_a_stream_of_v1_has_its_headers_before_its_first_byte(served, alice, token_of):
    await limited(alice, requests_per_minute=5, tokens_per_minute=9_000)
    answer = await OpenAICaller(token_of(alice)).chat(stream=True)
    assert answer["x-ratelimit-remaining-requests"] == "4"
    assert int(answer["x-ratelimit-remaining-tokens"]) < 9_000
    await drain(answer)


async def test_a_spent_budget_is_openais_insufficient_quota_and_not_worth_a_retry(served, alice, token_of):
    await limited(alice, monthly_tokens=10)
    refused = await OpenAICaller(token_of(alice)).chat()
    error = refused.json()["error"]
    assert (refused.status_code, error["code"], error["type"]) == (429, *["insufficient_quota"] * 2)
    assert refused["x-should-retry"] == "false"
    assert int(refused["Retry-After"]) > 0
    plain_one = await Caller(token_of(alice)).ask()
    assert plain_one.json()["code"] == "budget-spent"


async def test_a_request_that_fits_into_no_minute_says_what_would(served, alice, token_of):
    await limited(alice, tokens_per_minute=100)
    caller = OpenAICaller(token_of(alice))
    refused = await caller.chat()
    assert (refused.status_code, refused.json()["error"]["type"]) == (429, "tokens")
    assert "Retry-After" not in refused.headers
    assert refused["x-should-retry"] == "false"
    assert "max_tokens" in refused.json()["error"]["message"]
    assert (await caller.chat(max_tokens=50)).status_code == 200
    later = await caller.chat(max_tokens=90)
    assert (later.status_code, later.json()["error"]["code"]) == (429, "rate_limit_exceeded")
    assert int(later["Retry-After"]) > 0


async def test_limits_that_nobody_can_look_up_are_503(served, alice, token_of):
    from accounts.limits.limiter import Limiter
    from accounts.limits.shared import SharedTill

    limits = Limiter(SharedTill("redis://127.0.0.1:1/0"), is_open=False)
    composition.install(house_of(Parrot(), journal=served.journal, limits=limits))
    await limited(alice, requests_per_minute=5)
    refused = await Caller(token_of(alice)).ask()
    assert (refused.status_code, refused.json()["code"]) == (503, "limits-unavailable")
    assert refused["Retry-After"] == "5"


# -- streams --


async def until(is_true):
    for _ in range(2_000):
        if is_true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError


async def test_an_answer_in_progress_holds_a_seat_until_it_ends_or_its_caller_leaves(served, alice, token_of):
    await limited(alice, streams=1)
    served.backend.pause_seconds = 0.02
    caller = Caller(token_of(alice))
    running = asyncio.create_task(caller.ask("hello " * 2000))
    await until(lambda: served.backend.running)
    refused = await caller.ask()
    assert (refused.status_code, refused.json()["code"]) == (429, "too-many-streams")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert (await caller.ask("hi")).status_code == 201
    assert (await caller.ask("hi")).status_code == 201


# -- what it costs --


async def test_an_answer_costs_what_the_model_counted(as_alice, alice, parrot):
    await limited(alice, monthly_tokens=1_000)
    await as_alice.ask("hello")  # the parrot counts 7, and a token for each piece
    used = await used_by(alice.pk)
    row = await Prompt.objects.aget()
    assert (used.requests, used.tokens) == (1, row.prompt_tokens + row.completion_tokens)
    assert used.tokens == 9


async def test_the_same_answer_from_the_cache_costs_a_request_and_no_tokens(as_alice, alice, parrot):
    await limited(alice, tokens_per_minute=5_000)
    await as_alice.ask("hello", temperature=0)
    hit = await as_alice.ask("hello", temperature=0)
    assert hit.json()["cached"]
    used = await used_by(alice.pk)
    assert (used.requests, used.tokens) == (2, 9)


@pytest.mark.parametrize(
    ("error", "status"), [(QueueFull(retry_after_seconds=1), 503)], ids=["the queue was full"]
)
async def test_what_no_model_took_costs_no_tokens(served, alice, token_of, error, status):
    await limited(alice, monthly_tokens=1_000)
    parrot = Parrot(words="", error=error)
    composition.install(house_of(parrot, journal=served.journal))
    assert (await Caller(token_of(alice)).ask()).status_code == status
    assert (await used_by(alice.pk)).tokens == 0
    composition.install(house_of(Parrot(), journal=served.journal))
    assert (await Caller(token_of(alice)).ask(max_tokens=500)).status_code == 201


async def test_who_leaves_pays_for_what_came(served, alice, token_of):
    """Else whoever always leaves before the end would be answered for nothing."""
    await limited(alice, monthly_tokens=10_000)
    served.backend.pause_seconds = 0.01
    running = asyncio.create_task(Caller(token_of(alice)).ask("word " * 200))
    await until(lambda: served.backend.running)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    for _ in range(500):
        if (used := await used_by(alice.pk)).requests:
            break
        await asyncio.sleep(0.02)
    prompt = charges.estimated(["word " * 200])
    assert prompt <= used.tokens <= prompt + 700


async def test_a_key_is_counted_besides_its_owner(served, alice):
    key, secret = await sync_to_async(keys.create)(
        alice, name="x", scopes=["prompt"], quota=Quota(requests_per_minute=1)
    )
    await limited(alice, requests_per_minute=3)
    caller = Caller(secret)
    assert (await caller.ask())["x-ratelimit-limit-requests"] == "1"  # the one with the least left
    assert (await caller.ask()).status_code == 429
    assert (await used_by(alice.pk)).requests == (await used_by(key.pk)).requests == 1


# -- no queries, no seconds --


async def test_limits_cost_no_query(served, alice, token_of):
    """They come with what is known of the caller, and are counted elsewhere."""
    await limited(alice, requests_per_minute=100, streams=10, tokens_per_minute=10**6, monthly_tokens=10**6)
    assert await sync_to_async(ask_twice)(token_of(alice)) == 0


def ask_twice(token):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from accounts.book import book

    headers = {"Authorization": f"Bearer {token}"}
    body = json.dumps({"prompt": "hello"})

    def ask():
        answer = Client().post("/prompt", body, content_type="application/json", headers=headers)
        assert answer.status_code == 201
        assert answer["x-ratelimit-limit-requests"] == "100"

    ask()
    book._verified_at += 60
    with CaptureQueriesContext(connection) as queries:
        ask()
        ask()
    return len(queries)


async def test_another_limit_is_in_force_at_once_here(as_alice, alice):
    await limited(alice, requests_per_minute=1)
    assert (await as_alice.ask()).status_code == 201
    assert (await as_alice.ask()).status_code == 429
    await limited(alice, requests_per_minute=2)
    assert (await as_alice.ask()).status_code == 201


async def test_a_prompt_is_written_down_and_counted_together_or_not_at_all(as_alice, alice, monkeypatch):
    from prompts import finals

    monkeypatch.setattr(finals.usage, "this_month", lambda: "never")
    refused = await as_alice.ask()
    assert (refused.status_code, refused.json()["code"]) == (503, "journal-unavailable")
    monkeypatch.undo()
    assert not await Usage.objects.filter(subject=alice.pk).aexists()


def test_what_a_text_may_cost_is_guessed_by_its_bytes():
    assert charges.tokens_of(charges.byte_count("hello world!")) == 4
    assert charges.tokens_of(charges.byte_count("привет")) == 4
    assert charges.tokens_of(charges.byte_count("你好")) == 2
    ask = Ask(user_id=None, request_id="", messages=plain("abc", "def"), max_tokens=10, choices=3)
    assert charges.most_of(ask) == 2 * (1 + charges.TOKENS_AROUND) + 30


async def test_a_person_is_told_what_he_used_and_it_goes_with_him(as_alice, alice):
    from accounts import person

    await limited(alice, monthly_tokens=1_000)
    await as_alice.ask()
    told = await sync_to_async(person.export)(alice)
    assert [row["tokens"] for row in told["usage"]] == [9]
    assert [row["monthly_tokens"] for row in told["limits"]] == [1_000]
    counts = await sync_to_async(person.erase)(alice)
    assert (counts["usage"], counts["limits"]) == (1, 1)
    assert not await Usage.objects.aexists()
    assert not await Limit.objects.aexists()
    assert not await User.objects.filter(pk=alice.pk).aexists()
