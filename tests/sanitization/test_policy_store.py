"""Policies in the database: what is written stays, and what is in force is known, or nothing passes."""

import asyncio
import threading
import time
from uuid import uuid4

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.db import OperationalError, connection, models

from prompts import composition
from prompts.asks import Ask
from sanitization import services
from sanitization.composition import environment_policy
from sanitization.errors import PoliciesUnavailable, PolicyConflict, PolicyInvalid, PolicyMissing
from sanitization.models import (
    AppendOnly,
    Policy,
    PolicyActivation,
    PolicyAssignment,
    PolicyGeneration,
    PolicyRevision,
)
from sanitization.spans import Action
from sanitization.store import FRESH_SECONDS, TRUSTED_SECONDS, PolicyStore, store

pytestmark = pytest.mark.django_db(transaction=True)


BLOCK = {"prompt": {"email": "block"}}


def in_force(slug, document=BLOCK):
    policy = services.create_policy(slug=slug)
    services.activate(services.add_revision(policy, document=document))
    policy.refresh_from_db()
    return policy


def break_the_database(monkeypatch):
    def away(*args, **more):
        raise OperationalError

    monkeypatch.setattr(PolicyGeneration.objects, "values_list", away)


# -- revisions --


def test_revisions_are_numbered_and_keep_what_they_said():
    policy = services.create_policy(slug="birds", title="Birds")
    author = uuid4()
    first = services.add_revision(policy, document={}, note="begin", author_id=author)
    second = services.add_revision(policy, document=BLOCK)
    other = services.add_revision(services.create_policy(slug="other"), document=BLOCK)
    assert [first.number, second.number, other.number] == [1, 2, 1]
    assert second.revision == other.revision != first.revision
    first.refresh_from_db()
    assert (first.note, first.author_id, first.document["html"]) == ("begin", author, "markdown")


def test_what_is_wrong_with_a_document_is_said_and_nothing_is_written():
    policy = services.create_policy(slug="birds")
    with pytest.raises(PolicyInvalid) as refused:
        services.add_revision(policy, document={"prompt": {"emial": "mask"}, "html": "xml"})
    assert set(refused.value.problems) == {"/prompt/emial", "/html"}
    assert not policy.revisions.exists()


def test_a_slug_is_taken_once():
    services.create_policy(slug="birds")
    with pytest.raises(PolicyConflict):
        services.create_policy(slug="birds")


def test_revisions_and_activations_are_never_changed_or_deleted():
    policy = in_force("birds")
    for row in (policy.active, PolicyActivation.objects.get()):
        with pytest.raises(AppendOnly):
            row.save()
        with pytest.raises(AppendOnly):
            row.delete()
        rows = type(row).objects.all()
        for attempt in (
            lambda rows=rows: rows.update(created_at=None),
            lambda rows=rows: rows.filter(pk=1).delete(),
            lambda rows=rows, row=row: rows.bulk_update([row], ["created_at"]),
            lambda rows=rows, row=row: rows.bulk_create([row], update_conflicts=True),
        ):
            with pytest.raises(AppendOnly):
                attempt()
    with pytest.raises(models.ProtectedError):
        policy.delete()
    policy.refresh_from_db()
    assert policy.active.document["prompt"] == BLOCK["prompt"]


def test_one_revision_is_active_and_the_log_tells_which_was_when():
    policy = services.create_policy(slug="birds")
    first, second = (services.add_revision(policy, document=document) for document in ({}, BLOCK))
    actor = uuid4()
    for revision in (first, second, second, first):
        services.activate(revision, actor_id=actor)
    policy.refresh_from_db()
    assert policy.active == first
    log = PolicyActivation.objects.order_by("id")
    assert [entry.revision for entry in log] == [first, second, first]
    assert {entry.actor_id for entry in log} == {actor}


def test_a_revision_that_the_rules_of_today_refuse_cannot_be_activated():
    policy = services.create_policy(slug="birds")
    bad = PolicyRevision.objects.create(
        policy=policy, number=1, document={"prompt": {"rule_of_yesterday": "mask"}}, revision="0" * 16
    )
    with pytest.raises(PolicyInvalid):
        services.activate(bad)
    policy.refresh_from_db()
    assert policy.active is None
    assert not PolicyActivation.objects.exists()


def test_activating_twice_at_once_is_safe():
    policy = services.create_policy(slug="birds")
    revisions = [services.add_revision(policy, document={"thresholds": {"email": n / 10}}) for n in range(4)]
    errors = []

    def work(revision):
        try:
            for _ in range(3):
                services.activate(revision)
                services.add_revision(policy, document={})
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(revision,)) for revision in revisions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    policy.refresh_from_db()
    assert policy.active == PolicyActivation.objects.first().revision
    assert sorted(policy.revisions.values_list("number", flat=True)) == list(range(1, 17))


# -- who gets which --


def test_the_environments_policy_is_the_default_until_the_database_has_one(settings):
    settings.POLICY_BLOCK = ["phone"]
    assert store.current_now().resolve() == environment_policy()
    assert environment_policy().action("prompt", "phone") is Action.BLOCK
    services.create_policy(slug="default")
    assert store.current_now().resolve() == environment_policy()
    services.activate(services.add_revision(Policy.objects.get(), document=BLOCK))
    assert store.current_now().resolve().action("prompt", "phone") is Action.MASK
    services.archive(Policy.objects.get(), archived=True)
    assert store.current_now().resolve() == environment_policy()


def test_a_key_comes_before_a_role_and_a_role_before_the_default():
    for slug in ("default", "keys", "staff", "interns"):
        in_force(slug)
    services.assign(kind="key", subject="k1", policy=Policy.objects.get(slug="keys"))
    services.assign(kind="role", subject="staff", policy=Policy.objects.get(slug="staff"), rank=50)
    services.assign(kind="role", subject="interns", policy=Policy.objects.get(slug="interns"), rank=10)
    now = store.current_now()
    assert now.resolve().slug == "default"
    assert now.resolve(key="k2", roles=["cooks"]).slug == "default"
    assert now.resolve(roles=["staff"]).slug == "staff"
    assert now.resolve(roles=["staff", "interns"]).slug == "interns"
    assert now.resolve(key="k1", roles=["staff"]).slug == "keys"
    services.unassign(PolicyAssignment.objects.get(kind="key"))
    assert store.current_now().resolve(key="k1", roles=["staff"]).slug == "staff"


def test_a_policy_that_is_assigned_and_not_in_force_is_replaced_by_no_other():
    policy = in_force("keys")
    with pytest.raises(PolicyConflict):
        services.assign(kind="key", subject="k1", policy=services.create_policy(slug="empty"))
    services.assign(kind="key", subject="k1", policy=policy)
    with pytest.raises(PolicyConflict):
        services.archive(policy, archived=True)
    Policy.objects.update(archived_at="2026-01-01T00:00:00Z")  # by some other way
    PolicyGeneration.objects.update(token=uuid4())
    store.expire()
    with pytest.raises(PolicyMissing):
        store.current_now().resolve(key="k1")
    assert store.current_now().resolve(key="k2") == environment_policy()


def test_a_stored_policy_that_cannot_be_read_any_more_lets_nothing_through():
    policy = services.create_policy(slug="default")
    broken = PolicyRevision.objects.create(policy=policy, number=1, document={"no": 1}, revision="0" * 16)
    Policy.objects.update(active=broken)
    PolicyGeneration.objects.update_or_create(id=1, defaults={"token": uuid4()})
    with pytest.raises(PolicyMissing):
        store.current_now().resolve()


async def test_a_prompt_goes_by_the_policy_of_its_users_role(alice, bob):
    policy = await sync_to_async(in_force)("interns")
    await sync_to_async(services.assign)(kind="role", subject="interns", policy=policy)
    await alice.groups.aadd(await Group.objects.acreate(name="interns"))
    assert (await composition.policy_of(Ask(alice.id, "r"))).slug == "interns"
    assert await composition.policy_of(Ask(bob.id, "r")) == environment_policy()


# -- the copy in memory --


async def test_a_fresh_copy_costs_no_query(clock, alice):
    await store.current()
    asked = []
    ask = store._ask
    store._ask = lambda: asked.append(1) or ask()
    try:
        for _ in range(100):
            await composition.policy_of(Ask(alice.id, "r"))
        assert not asked
    finally:
        del store._ask


async def test_another_processs_change_is_seen_within_half_a_second():
    here, elsewhere = store, PolicyStore()
    assert (await elsewhere.current()).resolve() == environment_policy()
    await sync_to_async(in_force)("default")
    assert (await here.current()).resolve().slug == "default"
    assert (await here.current()).resolve() != environment_policy()
    await asyncio.sleep(FRESH_SECONDS)
    assert (await elsewhere.current()).resolve() != environment_policy()


async def test_a_database_that_is_away_is_trusted_for_two_seconds_and_not_longer(clock, monkeypatch):
    await sync_to_async(in_force)("default")
    assert (await store.current()).resolve().action("prompt", "email") is Action.BLOCK
    break_the_database(monkeypatch)
    clock.now += TRUSTED_SECONDS - 0.3
    assert (await store.current()).resolve().action("prompt", "email") is Action.BLOCK
    clock.now += 0.31
    with pytest.raises(PoliciesUnavailable):
        await store.current()
    with pytest.raises(PoliciesUnavailable):
        store.current_now()
    monkeypatch.undo()
    assert (await store.current()).resolve().action("prompt", "email") is Action.BLOCK


async def test_a_process_that_never_saw_the_database_answers_nothing(monkeypatch):
    break_the_database(monkeypatch)
    with pytest.raises(PoliciesUnavailable):
        await PolicyStore().current()


async def test_while_one_request_asks_the_others_go_on(clock, monkeypatch):
    await store.current()
    store.expire()
    asked = []
    ask = store._ask

    def slow():
        asked.append(1)
        time.sleep(0.1)
        ask()

    monkeypatch.setattr(store, "_ask", slow)
    await asyncio.gather(*(store.current() for _ in range(50)))
    assert len(asked) == 1


def test_a_revision_that_stays_in_force_is_not_read_again():
    in_force("one")
    one = store.current_now().named("one")
    in_force("two")
    assert store.current_now().named("one") is one
