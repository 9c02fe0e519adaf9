"""The audit trail: what is done leaves an event, and a trail that was touched shows it."""

import json
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from accounts import audit, keys, services, sessions
from accounts.models import AuditEvent, AuditHead, User
from prompts.models import Prompt
from tests.accounts.test_services import at_once
from tests.conftest import PASSWORD

pytestmark = pytest.mark.django_db


def verify(*arguments):
    out, err = StringIO(), StringIO()
    try:
        call_command("verify_audit", *arguments, stdout=out, stderr=err)
        return 0, out.getvalue(), err.getvalue()
    except CommandError as error:
        return error.returncode, out.getvalue(), err.getvalue()


def actions(**narrow):
    return list(AuditEvent.objects.filter(**narrow).order_by("number").values_list("action", flat=True))


def log_in(password=PASSWORD, email="alice@example.org"):
    body = json.dumps({"email": email, "password": password})
    return Client(REMOTE_ADDR="203.0.113.7").post("/auth/login", body, content_type="application/json")


def test_a_log_in_says_who_what_when_from_where_and_by_which_request(alice):
    answer = log_in()
    event = AuditEvent.objects.get()
    assert (event.action, event.actor_id, event.address) == ("login.ok", alice.pk, "203.0.113.7")
    assert event.request_id == answer["X-Request-ID"]
    assert event.at is not None
    log_in("Wr0ng!pass")
    log_in("Wr0ng!pass", email="secret-typed-in-the-wrong-field")
    failed = AuditEvent.objects.filter(action="login.failed").order_by("number")
    assert [event.subject_id for event in failed] == [alice.pk, None]
    assert "secret-typed" not in json.dumps(list(AuditEvent.objects.values()), default=str)


def test_what_changes_an_account_is_recorded_with_who_did_it(alice, root, token_of):
    headers = {"Authorization": f"Bearer {token_of(root)}"}
    body = json.dumps({"roles": ["user", "reviewer"], "isActive": False})
    Client().patch(f"/api/users/{alice.pk}", body, content_type="application/json", headers=headers)
    key, _ = keys.create(root, name="x", scopes=["read"])
    Client().delete(f"/api/keys/{key.pk}", headers=headers)
    Client().get("/auth/export", headers=headers)
    recorded = actions(actor_id=root.pk)
    assert {"user.deactivated", "roles.changed", "key.revoked", "person.exported"} <= set(recorded)
    assert AuditEvent.objects.get(action="roles.changed").details == {"roles": ["reviewer", "user"]}


def test_what_is_undone_leaves_no_event(alice):
    from django.db import transaction

    @transaction.atomic
    def fail():
        services.set_roles(alice, [])
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert actions() == []


@pytest.fixture
def trail(alice):
    for n in range(5):
        audit.record("test", subject_id=alice.pk, n=n, text="é")


def test_an_untouched_trail_is_found_in_order(trail):
    code, out, _ = verify()
    assert (code, out.split()[0]) == (0, "5")
    head = out.split()[-1]
    audit.record("test")
    assert verify("--expect", head)[0] == 0
    assert verify("--expect", "5:" + "0" * 64)[0] == 3


@pytest.mark.parametrize(
    "touch",
    [
        lambda: AuditEvent.objects.filter(number=3).update(action="other"),
        lambda: AuditEvent.objects.filter(number=3).update(details={"n": 9}),
        lambda: AuditEvent.objects.filter(number=3).update(actor_id=User.objects.get().pk),
        lambda: AuditEvent.objects.filter(number=3).update(at="2020-01-01T00:00:00Z"),
        lambda: AuditEvent.objects.filter(number=3).update(address="198.51.100.9"),
        lambda: AuditEvent.objects.filter(number=3).delete(),
        lambda: AuditEvent.objects.filter(number=1).delete(),
        lambda: AuditEvent.objects.filter(number=5).delete(),
        lambda: AuditEvent.objects.all().delete(),
        lambda: AuditEvent.objects.filter(number=3).update(number=6),
        lambda: AuditHead.objects.update(number=4),
        lambda: AuditHead.objects.all().delete(),
    ],
)
def test_whatever_is_touched_shows(trail, touch):
    touch()
    code, _, err = verify()
    assert code == 3
    assert err


def test_addresses_can_be_erased_and_the_chain_holds(alice):
    log_in()
    assert audit.erase_addresses(alice.pk) == 1
    assert AuditEvent.objects.get().address == ""
    assert verify()[0] == 0


@pytest.mark.django_db(transaction=True)
def test_many_at_once_make_one_chain():
    at_once(8, lambda: [audit.record("test", n=n) for n in range(5)])
    assert AuditEvent.objects.count() == 40
    assert verify()[0] == 0


def test_the_trail_is_read_in_the_admin_and_changed_nowhere(trail, root):
    office = Client()
    office.force_login(root)
    assert "test" in office.get("/admin/accounts/auditevent/").content.decode()
    for path in ("add/", "3/delete/"):
        assert office.post(f"/admin/accounts/auditevent/{path}").status_code == 403
    assert office.post("/admin/accounts/auditevent/3/change/", {"action": "x"}).status_code == 403


def test_ending_a_reused_session_says_why(alice):
    pair = sessions.open_session(alice)
    sessions.refresh(refresh_token=pair.refresh)
    Client().post(
        "/auth/refresh", json.dumps({"refresh_token": pair.refresh}), content_type="application/json"
    )
    assert AuditEvent.objects.get(action="session.ended").details["reason"] == "refresh-token-reused"


def test_policies_and_exports_of_the_book_are_recorded(root):
    from sanitization.services import activate, add_revision, archive, assign, create_policy, unassign

    policy = create_policy(slug="p")
    activate(add_revision(policy, document={}))
    unassign(assign(kind="role", subject="user", policy=policy))
    archive(policy, archived=True)
    assert actions() == ["policy.activated", "policy.assigned", "policy.unassigned", "policy.archived"]
    assert AuditEvent.objects.get(number=1).details == {"policy": "p", "revision": 1}
    office = Client()
    office.force_login(root)
    row = Prompt.objects.create(created_at=timezone.now(), instance_id=uuid4(), outcome="answered")
    office.post("/admin/prompts/prompt/", {"action": "export_csv", "_selected_action": [str(row.pk)]})
    assert AuditEvent.objects.get(action="prompts.exported").actor_id == root.pk
