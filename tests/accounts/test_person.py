"""The rights of the person: everything is exported, and erased but for what is nobody's."""

import json
from io import StringIO

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.test import Client

from accounts import audit, keys, person, sessions
from accounts.models import AuditEvent, User
from prompts.models import Prompt
from tests.conftest import PASSWORD
from tests.prompts.conftest import Caller

TEXT = "my mail is ann@corp.com and I like penguins"


def bearer(user):
    return {"Authorization": f"Bearer {sessions.open_session(user).access}"}


@pytest.fixture
async def asked(served, alice, bob, token_of):
    """Alice and Bob asked something, she has a key, and something failed in her name."""
    await Caller(token_of(alice)).ask(TEXT)
    await Caller(token_of(bob)).ask(TEXT)
    await sync_to_async(keys.create)(alice, name="mine", scopes=["read"])
    return alice


async def test_an_export_has_everything_and_no_secret(asked):
    def export():
        return Client().get("/auth/export", headers=bearer(asked)).json()

    mine = await sync_to_async(export)()
    assert mine["account"]["email"] == "alice@example.org"
    assert [row["prompt"] for row in mine["prompts"]] == ["my mail is [EMAIL_1] and I like penguins"]
    assert [row["name"] for row in mine["apiKeys"]] == ["mine"]
    assert len(mine["sessions"]) == 2
    assert "key.created" in [row["action"] for row in mine["auditTrail"]]
    text = json.dumps(mine)
    assert "argon2" not in text
    assert "bob" not in text


async def test_a_dry_run_counts_and_an_erasure_leaves_rows_that_are_nobodys(asked, bob):
    def erase(is_dry):
        body = json.dumps({"password": PASSWORD, "dryRun": is_dry})
        return (
            Client().post("/auth/erase", body, content_type="application/json", headers=bearer(asked)).json()
        )

    counted = await sync_to_async(erase)(True)
    assert counted["counts"]["prompts"] == 1
    assert await User.objects.filter(pk=asked.pk).aexists()
    erased = await sync_to_async(erase)(False)
    assert erased["counts"]["prompts"] == 1
    assert not await User.objects.filter(pk=asked.pk).aexists()
    rows = [row async for row in Prompt.objects.order_by("id")]
    assert (rows[0].user_id, rows[0].prompt, rows[0].findings) == (None, "", [])
    assert rows[0].model == "parrot"
    assert rows[0].completion_tokens > 0  # what statistics need
    assert "penguins" in rows[1].prompt  # Bob's
    dump = await sync_to_async(lambda: json.dumps(list(AuditEvent.objects.values()), default=str))()
    assert "alice" not in dump
    assert "127.0.0.1" not in json.dumps(
        [e.address async for e in AuditEvent.objects.filter(subject_id=asked.pk)]
    )
    assert (await sync_to_async(audit.verify)()).wrong == ()


@pytest.mark.django_db
def test_the_password_is_asked_for_before_an_account_is_erased(alice):
    body = json.dumps({"password": "Wr0ng!pass"})
    answer = Client().post("/auth/erase", body, content_type="application/json", headers=bearer(alice))
    assert answer.status_code == 401
    assert User.objects.filter(pk=alice.pk).exists()


@pytest.mark.django_db
def test_an_erased_user_is_out_at_once(alice):
    headers = bearer(alice)
    assert Client().get("/auth/profile", headers=headers).status_code == 200
    person.erase(alice)
    assert Client().get("/auth/profile", headers=headers).status_code == 401


@pytest.mark.django_db
def test_an_administrator_exports_and_erases_but_no_superuser(alice, root, bob):
    from accounts import services

    services.set_roles(bob, ["admin"])
    office = bearer(User.objects.get(pk=bob.pk))
    path = f"/api/users/{alice.pk}"
    assert Client().get(f"{path}/export", headers=office).json()["account"]["id"] == str(alice.pk)
    refused = Client().post(
        f"/api/users/{root.pk}/erase", "{}", content_type="application/json", headers=office
    )
    assert refused.status_code == 404
    dry = Client().post(f"{path}/erase", '{"dryRun": true}', content_type="application/json", headers=office)
    assert dry.json()["counts"]["accounts"] == 1
    assert User.objects.filter(pk=alice.pk).exists()
    done = Client().post(f"{path}/erase", "{}", content_type="application/json", headers=office)
    assert done.status_code == 200
    assert not User.objects.filter(pk=alice.pk).exists()


@pytest.mark.django_db
def test_commands_export_and_erase(alice):
    out = StringIO()
    call_command("export_person", "alice@example.org", stdout=out)
    assert json.loads(out.getvalue())["account"]["email"] == "alice@example.org"
    out = StringIO()
    call_command("erase_person", "alice@example.org", "--dry-run", stdout=out)
    assert "accounts: 1 would be touched" in out.getvalue()
    assert User.objects.exists()
    call_command("erase_person", "alice@example.org", stdout=StringIO())
    assert not User.objects.exists()
