"""Prompts go by the policy that is in force for their caller, or not at all."""

import asyncio
import time
from dataclasses import replace

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.db import OperationalError

from prompts import composition
from prompts.models import Prompt
from sanitization import services
from sanitization.composition import chain
from sanitization.models import Policy, PolicyGeneration
from sanitization.store import store
from tests.prompts.conftest import Caller

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def real(served):
    """The served house, with the policies of the database."""
    composition.install(replace(served, policy_of=composition.policy_of))


def put_into_force(slug, document):
    policy = Policy.objects.filter(slug=slug).first() or services.create_policy(slug=slug)
    services.activate(services.add_revision(policy, document=document))
    return policy


in_force = sync_to_async(put_into_force)


async def test_the_next_prompt_goes_by_what_was_just_put_into_force(as_alice, real, parrot):
    assert (await as_alice.ask("ann@example.com")).status_code == 201
    await in_force("default", {"prompt": {"email": "block"}})
    refused = await as_alice.ask("ann@example.com")
    assert (refused.status_code, refused.json()["code"]) == (422, "prompt-blocked")
    await in_force("default", {"custom": [{"id": "bird", "kind": "word", "text": "bluebird"}]})
    assert (await as_alice.ask("ann@example.com saw a Bluebird")).status_code == 201
    assert parrot.heard[-1] == "[EMAIL_1] saw a [CUSTOM_BIRD_1]"
    last = await Prompt.objects.order_by("-id").afirst()
    assert last.policy.startswith("default@")
    assert last.rules == ["custom_bird", "email"]


async def test_a_role_has_its_own_policy(as_alice, as_bob, alice, real):
    policy = await in_force("interns", {"prompt": {"email": "block"}})
    await sync_to_async(services.assign)(kind="role", subject="interns", policy=policy)
    await alice.groups.aadd(await Group.objects.acreate(name="interns"))
    assert (await as_alice.ask("ann@example.com")).status_code == 422
    assert (await as_bob.ask("ann@example.com")).status_code == 201


async def test_a_policy_that_is_gone_is_replaced_by_no_other(as_alice, alice, real, parrot):
    policy = await in_force("interns", {})
    await sync_to_async(services.assign)(kind="role", subject="interns", policy=policy)
    await alice.groups.aadd(await Group.objects.acreate(name="interns"))
    await Policy.objects.aupdate(archived_at="2026-01-01T00:00:00Z")
    await PolicyGeneration.objects.all().adelete()
    store.expire()
    answer = await as_alice.ask("hello")
    assert (answer.status_code, answer.json()["code"]) == (503, "policy-missing")
    assert parrot.heard == []
    assert not await Prompt.objects.aexists()


async def test_without_the_database_prompts_are_refused_and_not_answered_by_default(
    as_alice, real, parrot, clock, monkeypatch
):
    await as_alice.ask("hello")
    heard = len(parrot.heard)

    def away(*args, **more):
        raise OperationalError

    monkeypatch.setattr(PolicyGeneration.objects, "values_list", away)
    clock.now += 1
    assert (await as_alice.ask("hello again")).status_code == 201
    clock.now += 2
    answer = await as_alice.ask("hello there")
    assert (answer.status_code, answer.json()["code"]) == (503, "policies-unavailable")
    assert answer["Retry-After"] == "2"
    assert len(parrot.heard) == heard + 1


async def test_rules_are_compiled_before_the_event_loop_needs_them(db):
    words = [{"id": f"w{n}", "kind": "word", "text": f"word{n}"} for n in range(3_000)]
    await in_force("default", {"custom": words, "prompt": {"email": "off", "phone": "block"}})
    snapshot = await store.current()
    policy, since = snapshot.resolve(), time.thread_time()
    screened = chain().screen_prompt({"/prompt": "the word77 of the day"}, policy)
    assert time.thread_time() - since < 0.05
    assert screened.rules == ("custom_w77",)


async def test_many_prompts_at_once_ask_the_database_once(
    as_alice, real, clock, monkeypatch, token_of, alice
):
    await store.current()
    store.expire()
    asked = []
    ask = store._ask
    monkeypatch.setattr(store, "_ask", lambda: asked.append(1) or ask())
    callers = [Caller(token_of(alice)) for _ in range(20)]
    answers = await asyncio.gather(*(caller.ask("hello") for caller in callers))
    assert {answer.status_code for answer in answers} == {201}
    assert len(asked) == 1
